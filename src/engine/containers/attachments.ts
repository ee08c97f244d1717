import { BlockList, isIP, isIPv6 } from 'node:net';
import { invalidParameter, messageOf } from '../../core/errors.ts';
import type { ContainerConfig, HostConfig } from '../../core/wire/container.ts';
import type { EndpointSettings, NetworkingConfig } from '../../core/wire/network.ts';
import type { NetworkBook, NetworkRecord } from '../networks/book.ts';
import { networkForbidden } from '../errors.ts';
import type { Attachment } from './record.ts';
import { checkMac, endpointFaults } from './validate-texts.ts';

/**
 * The networks of a new container: that of its mode and those named beside it. Whether they exist is asked at the start;
 * what is known to be refused is refused here. @throws {WharfError} `INVALID_PARAMETER`
 */
export function plannedAttachments(
  book: NetworkBook,
  config: ContainerConfig,
  host: HostConfig,
  networking: NetworkingConfig,
): Attachment[] {
  const mode = host.NetworkMode ?? 'bridge';
  if (mode.startsWith('container:')) return [];
  const attachments = new Map<string, Attachment>();
  const add = (ref: string, given: EndpointSettings | null | undefined) => {
    const network = knownNetwork(book, ref === 'default' ? 'bridge' : ref);
    const name = network?.name ?? ref;
    const key = network?.id ?? ref;
    const before = attachments.get(key);
    const settings = requestedSettings(given ?? {});
    ofNetwork(name, () => checkSettings(network, settings));
    if (before === undefined || (given !== null && given !== undefined)) {
      attachments.set(key, { network: name, networkId: network?.id ?? '', settings, endpoint: null });
    }
  };
  ofNetwork(mode, () => checkMac(config.MacAddress));
  add(mode, undefined);
  for (const [ref, settings] of Object.entries(networking.EndpointsConfig ?? {})) add(ref, settings);
  const list = [...attachments.values()];
  if (list.length > 1 && list.some((a) => a.network === 'host' || a.network === 'none')) {
    throw invalidParameter({
      message:
        mode === 'host'
          ? 'container sharing network namespace with another container or host cannot be connected to any other network'
          : 'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    });
  }
  const [first] = list;
  if (config.MacAddress && first !== undefined && !first.settings.MacAddress) {
    list[0] = { ...first, settings: { ...first.settings, MacAddress: config.MacAddress } };
  }
  return list;
}

/** Only what a user decides of an endpoint; what the engine finds out is not taken from a request. */
export function requestedSettings(given: EndpointSettings): EndpointSettings {
  return {
    IPAMConfig: given.IPAMConfig ?? null,
    Links: given.Links ?? null,
    Aliases: given.Aliases ?? null,
    DriverOpts: given.DriverOpts ?? null,
    GwPriority: given.GwPriority ?? 0,
    ...(given.MacAddress ? { MacAddress: given.MacAddress } : {}),
  };
}

/**
 * @param network `undefined`: it is not there yet, only what is written is looked at
 * @throws {WharfError} `INVALID_PARAMETER` at what is no address, and at aliases or addresses where there can be none
 */
export function checkSettings(network: NetworkRecord | undefined, settings: EndpointSettings): void {
  if (network?.configOnly === true) {
    throw networkForbidden({ message: 'cannot create endpoint on configuration-only network' });
  }
  const faults = [...(network === undefined ? [] : networkFaults(network, settings)), ...endpointFaults(settings)];
  if (faults.length > 0) {
    const list = faults.length === 1 ? faults.join() : faults.map((fault) => `* ${fault}`).join('\n');
    throw invalidParameter({ message: `invalid endpoint settings:\n${list}` });
  }
  checkMac(settings.MacAddress);
}

/** What a network does not do for an endpoint. */
function networkFaults(network: NetworkRecord, settings: EndpointSettings): string[] {
  const faults: string[] = [];
  const isUserNetwork = network.bridge !== null && network.name !== 'bridge';
  if (settings.Aliases?.length && !isUserNetwork) {
    faults.push('network-scoped alias is supported only for containers in user defined networks');
  }
  const { IPv4Address = '', IPv6Address = '' } = settings.IPAMConfig ?? {};
  if (IPv4Address !== '' || IPv6Address !== '') {
    if (!isUserNetwork) faults.push('user specified IP address is supported on user defined networks only');
    if (!network.hasOwnSubnet) {
      faults.push(
        'user specified IP address is supported only when connecting to networks with user configured subnets',
      );
    }
    for (const address of [IPv4Address, IPv6Address]) {
      if (network.hasOwnSubnet && isIP(address) !== 0 && !isWithin(network, address)) {
        faults.push(`no configured subnet contains IP address ${address}`);
      }
    }
  }
  return faults;
}

/** Docker says of which network it speaks when there may be several. */
function ofNetwork(name: string, check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw invalidParameter({ message: `invalid config for network ${name}: ${messageOf(cause)}` }, { cause });
  }
}

function isWithin({ ipam }: NetworkRecord, address: string): boolean {
  const subnets = new BlockList();
  for (const { Subnet = '' } of ipam.config) {
    const [base = '', length = ''] = Subnet.split('/');
    if (isIP(base) !== 0) subnets.addSubnet(base, Number(length), isIPv6(base) ? 'ipv6' : 'ipv4');
  }
  return subnets.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function knownNetwork(book: NetworkBook, ref: string): NetworkRecord | undefined {
  try {
    return book.lookup(ref);
  } catch {
    return undefined;
  }
}
