import { isDeepStrictEqual } from 'node:util';
import { newId } from '../../core/ids.ts';
import { invalidParameter } from '../../core/errors.ts';
import type { BridgeNetwork, NetworkRequest, Networks } from '../../network/index.ts';
import { nowRfc3339 } from '../containers/time.ts';
import type { DefaultBridge } from '../contract.ts';
import type { NetworkBook, NetworkRecord } from './book.ts';
import { ipamConfigOf } from './book.ts';

type SubnetRequest = NetworkRequest['subnets'][number];

/**
 * Records `bridge`, `host` and `none` on first use; they keep their IDs. The default bridge has 172.17.0.1/16 or, if that is
 * taken, a free subnet, unless `wanted` says otherwise. While nobody is on it (`isUsed`) it moves where its addresses were
 * changed, or where the host by now uses them elsewhere; its options follow at once.
 * @throws {WharfError} `INVALID_PARAMETER` at addresses that do not fit each other
 */
export async function ensurePredefined(
  book: NetworkBook,
  networks: Networks,
  wanted: DefaultBridge,
  isUsed: (networkId: string) => boolean,
): Promise<void> {
  const before = book.named('bridge');
  const now = await planned(book, networks, wanted, before, before !== undefined && isUsed(before.id));
  // What has not changed is not written: the disk may be full, and containers are to be looked after all the same.
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(now)), before)) book.put(now);
  for (const [name, driver] of [
    ['host', 'host'],
    ['none', 'null'],
  ] as const) {
    if (book.named(name) !== undefined) continue;
    book.put({ ...predefined(name, driver), id: newId(), created: nowRfc3339(), bridge: null });
  }
}

function predefined(name: string, driver: NetworkRecord['driver']): Omit<NetworkRecord, 'id' | 'created' | 'bridge'> {
  return {
    name,
    driver,
    internal: false,
    attachable: false,
    ingress: false,
    enableIpv4: true,
    enableIpv6: false,
    ipam: { driver: 'default', options: null, config: [] },
    hasOwnSubnet: false,
    options: {},
    labels: {},
  };
}

async function planned(
  book: NetworkBook,
  networks: Networks,
  wanted: DefaultBridge,
  before: NetworkRecord | undefined,
  isUsed: boolean,
): Promise<NetworkRecord> {
  const id = before?.id ?? newId();
  const options = optionsOf(wanted);
  const enableIpv6 = isUsed ? (before?.enableIpv6 ?? false) : (wanted.enableIpv6 ?? false);
  const request = { id, name: 'bridge', isDefault: true, internal: false, enableIpv6, options };
  const others = book.bridges().filter((b) => b.id !== id);
  const known = before?.bridge ?? undefined;
  const subnets = isUsed && known !== undefined ? known.subnets : askedSubnets(wanted, keptSubnets(networks, known));
  const bridge = await networks.plan({ ...request, subnets }, others);
  return {
    ...predefined('bridge', 'bridge'),
    id,
    created: before?.created ?? nowRfc3339(),
    enableIpv6,
    ipam: { driver: 'default', options: null, config: ipamConfigOf(bridge) },
    options: { ...options, 'com.docker.network.bridge.name': bridge.bridge },
    bridge,
  };
}

function optionsOf(wanted: DefaultBridge): Record<string, string> {
  return {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.enable_icc': String(wanted.icc ?? true),
    'com.docker.network.bridge.enable_ip_masquerade': String(wanted.masquerade ?? true),
    'com.docker.network.bridge.host_binding_ipv4': wanted.hostBinding ?? '0.0.0.0',
    'com.docker.network.driver.mtu': String(wanted.mtu ?? 1500),
  };
}

/** What the bridge had before, as far as it may have it again. */
function keptSubnets(networks: Networks, before: BridgeNetwork | undefined): SubnetRequest[] {
  if (before === undefined || networks.conflicts(before)) return [];
  return before.subnets.map(({ subnet, gateway }) => ({ subnet, gateway }));
}

function askedSubnets(wanted: DefaultBridge, kept: readonly SubnetRequest[]): SubnetRequest[] {
  const families = [
    { family: 4, address: wanted.address, range: wanted.range, gateway: wanted.gateway },
    { family: 6, address: wanted.address6, range: wanted.range6, gateway: wanted.gateway6 },
  ] as const;
  return families.flatMap(({ family, address, range, gateway }) => {
    const before = kept.find(({ subnet = '' }) => subnet.includes(':') === (family === 6));
    const own = address === undefined ? before : ofAddress(address);
    // With IPv6 the block for containers is the subnet, and so it is where nothing else says how large that is.
    const subnet = range !== undefined && (family === 6 || address === undefined) ? { subnet: range } : own;
    if (subnet === undefined && gateway !== undefined)
      throw invalidParameter({
        message: `a default gateway (${gateway}) needs an address of the default bridge (bip)`,
      });
    if (subnet === undefined) return [];
    const isPart = family === 4 && range !== undefined && address !== undefined;
    return [
      {
        ...subnet,
        ...(isPart ? { ipRange: range } : {}),
        ...(gateway === undefined ? {} : { aux: { [`DefaultGatewayIPv${family}`]: gateway } }),
      },
    ];
  });
}

/** Subnet and gateway of an address with its prefix length: `172.17.0.1/16` is .1 in 172.17.0.0/16. */
function ofAddress(cidr: string): SubnetRequest {
  const [address = ''] = cidr.split('/');
  // The subnet's own name is nobody's address: the first one in it is meant.
  const isName = /^(\d+\.){3}0\/|::\/\d+$/.test(cidr);
  return { subnet: cidr, ...(isName ? {} : { gateway: address }) };
}
