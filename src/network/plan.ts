import { createHash } from 'node:crypto';
import { invalidParameter } from '../core/errors.ts';
import type { BridgeNetwork, NetworkRequest, NetworksOptions, Subnet } from './contract.ts';
import type { Prefix } from './addresses.ts';
import { contains, findCidr, formatAddress, formatPrefix, overlap, parseAddress, parsePrefix } from './addresses.ts';
import { poolOverlap, poolsExhausted } from './errors.ts';
import { DEFAULT_ADDRESS_POOLS, firstFreeBlock, subnetFaults } from './ipam.ts';
import { planDirect } from './plan-direct.ts';
import { DEVICE_NAME, OPTION, bridgeOptions } from './plan-options.ts';

/**
 * Decides everything about a new network.
 * @param taken blocks that the host routes to or has addresses in: not used unless asked for
 * @throws {WharfError} `POOL_OVERLAP`, `POOLS_EXHAUSTED`, `INVALID_PARAMETER`
 */
export function planNetwork(
  request: NetworkRequest,
  others: readonly BridgeNetwork[],
  taken: readonly Prefix[],
  { instance, addressPools }: Pick<NetworksOptions, 'instance' | 'addressPools'>,
): BridgeNetwork {
  const { enableIpv4 = true, driver = 'bridge' } = request;
  if (!enableIpv4 && !request.enableIpv6) throw invalidParameter({ message: 'IPv4 or IPv6 must be enabled' });
  const asked = request.subnets.filter((s) => s.subnet).map((s) => (request.isDefault ? tidied(s) : s));
  const without = request.subnets.filter((s) => !s.subnet);
  const faults = asked.flatMap((s) => subnetFaults({ ...s, subnet: s.subnet ?? '' }));
  if (without.some((s) => s.gateway || s.ipRange || Object.keys(s.aux ?? {}).length > 0) && !request.isDefault) {
    faults.push('a gateway, ip-range or auxiliary address needs a subnet');
  }
  if (faults.length > 0) throw invalidParameter({ message: `invalid network config:\n${joinFaults(faults)}` });

  const theirs = others.flatMap((n) => n.subnets.map((s) => parsePrefix(s.subnet)));
  const subnets: Subnet[] = [];
  for (const { subnet = '', ...rest } of asked) {
    const prefix = parsePrefix(subnet);
    if (theirs.some((t) => overlap(t, prefix))) throw poolOverlap({});
    if (subnets.some((s) => overlap(parsePrefix(s.subnet), prefix))) throw poolOverlap({});
    if (prefix.family === 6 ? !request.enableIpv6 : !enableIpv4) continue;
    subnets.push(withGateway(prefix, rest));
  }
  const has = (family: 4 | 6) => subnets.some((s) => parsePrefix(s.subnet).family === family);
  if (enableIpv4 && !has(4)) {
    const pools = addressPools.length > 0 ? addressPools : DEFAULT_ADDRESS_POOLS;
    const block = firstFreeBlock(4, pools, [...theirs, ...taken]);
    if (block === undefined) throw poolsExhausted({});
    subnets.unshift(withGateway(block, without[0] ?? {}));
  }
  if (request.enableIpv6 && !has(6)) {
    const pools = addressPools.some((p) => p.base.includes(':')) ? addressPools : [uniqueLocalPool(instance)];
    const block = firstFreeBlock(6, pools, [...theirs, ...taken]);
    if (block === undefined) throw poolsExhausted({});
    subnets.push(withGateway(block, enableIpv4 ? {} : (without[0] ?? {})));
  }
  const base = {
    id: request.id,
    name: request.name,
    subnets,
    internal: request.internal,
    isDefault: request.isDefault,
  };
  if (driver !== 'bridge') return { ...base, ...planDirect(request, driver, others) };
  return {
    ...base,
    bridge: bridgeName(request, others, instance),
    ...bridgeOptions(request.options, request.internal),
  };
}

/** Of the default bridge an address is given, with the length of its block: what is meant is the block. */
function tidied(asked: NetworkRequest['subnets'][number]): NetworkRequest['subnets'][number] {
  const blockOf = (cidr: string | undefined) => {
    const block = cidr === undefined ? undefined : findCidr(cidr)?.prefix;
    return block === undefined ? cidr : formatPrefix(block);
  };
  return { ...asked, subnet: blockOf(asked.subnet), ipRange: blockOf(asked.ipRange) };
}

function withGateway(prefix: Prefix, rest: Omit<NetworkRequest['subnets'][number], 'subnet'>): Subnet {
  const aux = rest.aux ?? {};
  const reserved = new Set(Object.values(aux).map((a) => parseAddress(a).value));
  // The lowest address that may be one; in blocks of one or two every address may.
  let value = prefix.base + (prefix.length >= (prefix.family === 4 ? 31 : 127) ? 0n : 1n);
  while (reserved.has(value)) value++;
  const gateway = rest.gateway ? parseAddress(rest.gateway) : { family: prefix.family, value };
  if (!contains(prefix, gateway))
    throw invalidParameter({ message: `no address for a gateway in ${formatPrefix(prefix)}` });
  return {
    subnet: formatPrefix(prefix),
    gateway: formatAddress(gateway),
    ...(rest.ipRange ? { ipRange: formatPrefix(parsePrefix(rest.ipRange)) } : {}),
    ...(Object.keys(aux).length > 0 ? { aux } : {}),
  };
}

function bridgeName(request: NetworkRequest, others: readonly BridgeNetwork[], instance: string): string {
  const name = request.options[`${OPTION}bridge.name`];
  if (!name) return request.isDefault ? `wh-${instance}0` : `br-${request.id.slice(0, 12)}`;
  if (!DEVICE_NAME.test(name)) {
    throw invalidParameter({ message: `invalid bridge name "${name}": at most 15 letters, digits and any of "_.-"` });
  }
  if (others.some((n) => n.bridge === name)) {
    throw invalidParameter({ message: `bridge name "${name}" is already used by another network` });
  }
  return name;
}

/** A /48 of unique local addresses (RFC 4193) that is this engine's by its hash. */
function uniqueLocalPool(instance: string): { base: string; size: number } {
  const hash = createHash('sha256').update(`wharf ${instance}`).digest('hex');
  return { base: `fd${hash.slice(0, 2)}:${hash.slice(2, 6)}:${hash.slice(6, 10)}::/48`, size: 64 };
}

function joinFaults(faults: readonly string[]): string {
  return faults.length === 1 ? (faults[0] ?? '') : faults.map((f) => `* ${f}`).join('\n');
}
