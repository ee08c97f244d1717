import { invalidParameter } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import type { NetworkCreateRequest } from '../../core/wire/network.ts';
import { nowRfc3339 } from '../containers/time.ts';
import { networkExists, networkForbidden, networkNotFound } from '../errors.ts';
import { isPredefined, type NetworkBook, type NetworkRecord } from './book.ts';

/** A network that only holds a configuration, for others to take: nothing of it is in the kernel. */
export function configurationNetwork(book: NetworkBook, request: NetworkCreateRequest): NetworkRecord {
  const name = checkName(book, request);
  if (request.ConfigFrom?.Network) {
    throw networkForbidden({ message: 'a configuration network cannot depend on another configuration network' });
  }
  if (request.Internal === true || request.Attachable === true || request.Scope) {
    throw networkForbidden({
      message:
        'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    });
  }
  const pools = request.IPAM?.Config ?? [];
  return {
    id: newId(),
    name,
    created: nowRfc3339(),
    driver: 'null',
    internal: false,
    attachable: false,
    ingress: false,
    enableIpv4: request.EnableIPv4 ?? true,
    enableIpv6: request.EnableIPv6 ?? false,
    ipam: { driver: request.IPAM?.Driver || 'default', options: request.IPAM?.Options ?? null, config: pools },
    hasOwnSubnet: pools.some((p) => p.Subnet),
    options: request.Options ?? {},
    labels: request.Labels ?? {},
    bridge: null,
    configOnly: true,
  };
}

/** The request with what it takes from a configuration network. @throws {WharfError} if it has a configuration itself */
export function withConfiguration(book: NetworkBook, request: NetworkCreateRequest): NetworkCreateRequest {
  const from = request.ConfigFrom?.Network;
  if (!from) return request;
  const held = book.named(from);
  if (held?.configOnly !== true) throw networkNotFound({ ref: from });
  const own = request.IPAM?.Config?.length || Object.keys(request.Options ?? {}).length > 0 || request.EnableIPv6;
  if (own) {
    throw networkForbidden({
      message: 'user specified configurations are not supported if the network depends on a configuration network',
    });
  }
  return {
    ...request,
    EnableIPv4: held.enableIpv4,
    EnableIPv6: held.enableIpv6,
    IPAM: { Driver: held.ipam.driver, Options: held.ipam.options, Config: [...held.ipam.config] },
    Options: { ...held.options },
    Labels: { ...held.labels, ...request.Labels },
  };
}

/** @throws {WharfError} for no name, one that is taken, or one of those that are always there */
export function checkName(book: NetworkBook, { Name: name }: NetworkCreateRequest): string {
  if (!name || name.trim() === '') throw invalidParameter({ message: 'invalid name: name is empty' });
  if (isPredefined(name)) {
    throw networkForbidden({ message: `operation is not permitted on predefined ${name} network ` });
  }
  if (book.named(name) !== undefined) throw networkExists({ name });
  return name;
}
