import { createHash } from 'node:crypto';
import { invalidParameter } from '../core/errors.ts';
import type { BridgeNetwork, NetworkRequest, NetworksOptions, Subnet } from './contract.ts';
import type { Prefix } from './addresses.ts';
import { contains, findAddress, formatAddress, formatPrefix, overlap, parseAddress, parsePrefix } from './addresses.ts';
import { poolOverlap, poolsExhausted } from './errors.ts';
import { DEFAULT_ADDRESS_POOLS, firstFreeBlock, subnetFaults } from './ipam.ts';

const OPTION = 'com.docker.network.';

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
  const { options } = request;
  const asked = request.subnets.filter((s) => s.subnet);
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
    if (prefix.family === 6 && !request.enableIpv6) continue;
    subnets.push(withGateway(prefix, rest));
  }
  const has = (family: 4 | 6) => subnets.some((s) => parsePrefix(s.subnet).family === family);
  if (!has(4)) {
    const pools = addressPools.length > 0 ? addressPools : DEFAULT_ADDRESS_POOLS;
    const block = firstFreeBlock(4, pools, [...theirs, ...taken]);
    if (block === undefined) throw poolsExhausted({});
    subnets.unshift(withGateway(block, without[0] ?? {}));
  }
  if (request.enableIpv6 && !has(6)) {
    const pools = addressPools.some((p) => p.base.includes(':')) ? addressPools : [uniqueLocalPool(instance)];
    const block = firstFreeBlock(6, pools, [...theirs, ...taken]);
    if (block === undefined) throw poolsExhausted({});
    subnets.push(withGateway(block, {}));
  }
  return {
    id: request.id,
    name: request.name,
    bridge: bridgeName(request, others, instance),
    subnets,
    internal: request.internal,
    masquerade: flag(options, 'bridge.enable_ip_masquerade', true),
    icc: flag(options, 'bridge.enable_icc', true),
    mtu: mtu(options),
    isDefault: request.isDefault,
    hostBinding: hostBinding(options),
    ...fromOptions(options, request.internal),
  };
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
  // What the kernel takes as a name of a device (dev_valid_name), less what shells and nft would stumble over.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(name)) {
    throw invalidParameter({ message: `invalid bridge name "${name}": at most 15 letters, digits and any of "_.-"` });
  }
  if (others.some((n) => n.bridge === name)) {
    throw invalidParameter({ message: `bridge name "${name}" is already used by another network` });
  }
  return name;
}

function flag(options: Readonly<Record<string, string>>, key: string, otherwise: boolean): boolean {
  const text = options[OPTION + key];
  if (text === undefined || text === '') return otherwise;
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalidParameter({ message: `invalid value for ${OPTION}${key}: "${text}" is neither true nor false` });
}

function mtu(options: Readonly<Record<string, string>>): number {
  const text = options[`${OPTION}driver.mtu`];
  if (text === undefined || text === '' || text === '0') return 1500;
  const value = /^\d+$/.test(text) ? Number(text) : -1;
  if (value < 68 || value > 65535) {
    throw invalidParameter({ message: `invalid value for ${OPTION}driver.mtu: "${text}" is no size from 68 to 65535` });
  }
  return value;
}

function hostBinding(options: Readonly<Record<string, string>>): string {
  const text = options[`${OPTION}bridge.host_binding_ipv4`] || '0.0.0.0';
  if (findAddress(text)?.family !== 4) {
    throw invalidParameter({
      message: `invalid value for ${OPTION}bridge.host_binding_ipv4: "${text}" is no IPv4 address`,
    });
  }
  return text;
}

/** What only a few networks have. @throws {WharfError} `INVALID_PARAMETER`, also at what is not done yet */
function fromOptions(options: Readonly<Record<string, string>>, internal: boolean): Partial<BridgeNetwork> {
  const refuse = (key: string, value: string, why: string) =>
    invalidParameter({ message: `invalid value for ${OPTION}${key}: "${value}" ${why}` });
  let unprotected = false;
  for (const family of ['4', '6']) {
    const key = `bridge.gateway_mode_ipv${family}`;
    const mode = options[OPTION + key] ?? '';
    if (mode === 'routed' || mode === 'isolated') throw refuse(key, mode, 'is not supported by this engine');
    if (!['', 'nat', 'nat-unprotected'].includes(mode)) throw refuse(key, mode, 'is no gateway mode');
    unprotected ||= mode === 'nat-unprotected' && !internal;
  }
  if (flag(options, 'bridge.inhibit_ipv4', false)) {
    throw refuse('bridge.inhibit_ipv4', 'true', 'is not supported by this engine');
  }
  const trusted = (options[`${OPTION}bridge.trusted_host_interfaces`] ?? '').split(':').filter(Boolean);
  const prefix = options[`${OPTION}container_iface_prefix`] ?? '';
  for (const [key, name] of [
    ...trusted.map((name) => ['bridge.trusted_host_interfaces', name] as const),
    ...(prefix === '' ? [] : [['container_iface_prefix', prefix] as const]),
  ]) {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(name)) throw refuse(key, name, 'is no name of an interface');
  }
  const sources: string[] = [];
  for (const family of [4, 6]) {
    const address = options[`${OPTION}host_ipv${family}`] ?? '';
    if (address === '') continue;
    if (findAddress(address)?.family !== family)
      throw refuse(`host_ipv${family}`, address, `is no IPv${family} address`);
    sources.push(address);
  }
  return {
    ...(unprotected ? { unprotected } : {}),
    ...(trusted.length > 0 ? { trustedInterfaces: trusted } : {}),
    ...(sources.length > 0 ? { sourceAddresses: sources } : {}),
    ...(prefix === '' ? {} : { interfacePrefix: prefix }),
  };
}

/** A /48 of unique local addresses (RFC 4193) that is this engine's by its hash. */
function uniqueLocalPool(instance: string): { base: string; size: number } {
  const hash = createHash('sha256').update(`wharf ${instance}`).digest('hex');
  return { base: `fd${hash.slice(0, 2)}:${hash.slice(2, 6)}:${hash.slice(6, 10)}::/48`, size: 64 };
}

function joinFaults(faults: readonly string[]): string {
  return faults.length === 1 ? (faults[0] ?? '') : faults.map((f) => `* ${f}`).join('\n');
}
