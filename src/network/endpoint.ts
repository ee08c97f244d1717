import { invalidParameter } from '../core/errors.ts';
import { contains, macOf, parseAddress } from './addresses.ts';
import type { BridgeNetwork, Endpoint, EndpointRequest } from './contract.ts';
import { addressesExhausted } from './errors.ts';
import type { AddressAllocator } from './ipam.ts';

/** A network that is in the kernel. */
export interface OpenNetwork {
  readonly network: BridgeNetwork;
  /** Of the bridge, or of the parent of devices in containers. */
  bridgeIndex: number;
  /** One for each subnet, in their order. */
  readonly allocators: readonly AddressAllocator[];
  /** By container. */
  readonly endpoints: Map<string, Endpoint>;
}

/**
 * Names, addresses and MAC of a new endpoint. Its addresses are taken: `releaseAddresses` gives them back.
 * @param ifnames the interfaces that the container has already
 * @throws {WharfError} `ADDRESS_IN_USE`, `ADDRESSES_EXHAUSTED`, `INVALID_PARAMETER`; nothing is taken then
 */
export function decideEndpoint(request: EndpointRequest, open: OpenNetwork, ifnames: ReadonlySet<string>): Endpoint {
  // Refused before anything is taken.
  interfaceName(request, open.network, ifnames);
  endpointSysctls(request, 'eth0');
  if (request.mac !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(request.mac)) {
    throw invalidParameter({ message: `invalid MAC address: ${request.mac}` });
  }
  const { direct, subnets } = open.network;
  const has = (family: 4 | 6) => open.allocators.some((a) => a.prefix.family === family);
  const take = (family: 4 | 6, asked: string | undefined) => {
    if (asked && !has(family)) throw invalidParameter({ message: `no configured subnet contains IP address ${asked}` });
    if (!has(family)) return undefined;
    const { allocator, address } = takeAddress(open, family, asked);
    const subnet = subnets[open.allocators.indexOf(allocator)];
    // As with Docker an auxiliary address of this name is the way out, in place of the bridge.
    const gateway = subnet?.aux?.[`DefaultGatewayIPv${family}`] ?? subnet?.gateway ?? '';
    // At layer 3 nobody is asked the way.
    const isRouter = direct?.driver === 'ipvlan' && direct.mode !== 'l2';
    return { address, prefixLength: allocator.prefix.length, gateway: isRouter ? '' : gateway };
  };
  const v4 = take(4, request.ipv4);
  let v6: ReturnType<typeof take>;
  try {
    v6 = take(6, request.ipv6);
  } catch (error) {
    if (v4 !== undefined) allocatorFor(open, v4.address)?.release(v4.address);
    throw error;
  }
  const own = macOf(parseAddress(v4?.address ?? v6?.address ?? '::'));
  return {
    request,
    ifname: interfaceName(request, open.network, ifnames),
    hostVeth: direct === undefined ? `veth${request.endpointId.slice(0, 7)}` : '',
    mac: direct?.driver === 'ipvlan' ? '' : (request.mac?.toLowerCase() ?? own),
    ipv4: v4?.address ?? '',
    prefixLength: v4?.prefixLength ?? 0,
    gateway: v4?.gateway ?? '',
    ...(v6 && { ipv6: v6.address, ipv6PrefixLength: v6.prefixLength, ipv6Gateway: v6.gateway }),
  };
}

/** The name asked for, or the first free one. @throws {WharfError} `INVALID_PARAMETER` */
function interfaceName(
  { options }: EndpointRequest,
  { interfacePrefix = 'eth' }: OpenNetwork['network'],
  ifnames: ReadonlySet<string>,
): string {
  const asked = options?.['com.docker.network.endpoint.ifname'];
  if (asked !== undefined && asked !== '') {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(asked) || asked === 'lo' || ifnames.has(asked)) {
      throw invalidParameter({ message: `invalid interface name "${asked}" for an endpoint` });
    }
    return asked;
  }
  let number = 0;
  while (ifnames.has(`${interfacePrefix}${number}`)) number++;
  return `${interfacePrefix}${number}`;
}

/**
 * Settings of the interface below /proc/sys/net, from `net.ipv4.conf.IFNAME.log_martians=1,...`.
 * @throws {WharfError} `INVALID_PARAMETER` at anything that is not of this interface
 */
export function endpointSysctls({ options }: EndpointRequest, ifname: string): { key: string; value: string }[] {
  const text = options?.['com.docker.network.endpoint.sysctls'] ?? '';
  return text.split(',').flatMap((setting) => {
    if (setting === '') return [];
    const match = /^net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.IFNAME\.([a-z0-9_]+)=(.*)$/.exec(setting);
    if (match === null) throw invalidParameter({ message: `unrecognised endpoint sysctl: ${setting}` });
    const [, family, kind, name, value = ''] = match;
    return [{ key: `${family}/${kind}/${ifname}/${name}`, value }];
  });
}

/** Gives an endpoint's addresses back. */
export function releaseAddresses(open: OpenNetwork, endpoint: Endpoint): void {
  for (const address of addressesOf(endpoint)) allocatorFor(open, address)?.release(address);
}

/** Takes up the addresses of an endpoint that is in the kernel already. */
export function adoptAddresses(open: OpenNetwork, endpoint: Endpoint): void {
  for (const address of addressesOf(endpoint)) allocatorFor(open, address)?.adopt(address);
}

function addressesOf({ ipv4, ipv6 }: Endpoint): string[] {
  return [...(ipv4 === '' ? [] : [ipv4]), ...(ipv6 === undefined ? [] : [ipv6])];
}

function takeAddress(open: OpenNetwork, family: 4 | 6, asked: string | undefined) {
  if (asked !== undefined && asked !== '') {
    const address = parseAddress(asked);
    const allocator = address.family === family ? allocatorFor(open, asked) : undefined;
    if (allocator === undefined)
      throw invalidParameter({ message: `no configured subnet contains IP address ${asked}` });
    return { allocator, address: allocator.reserve(asked) };
  }
  let failure: unknown;
  for (const allocator of open.allocators.filter((a) => a.prefix.family === family)) {
    try {
      return { allocator, address: allocator.allocate() };
    } catch (error) {
      if (!addressesExhausted.is(error)) throw error;
      failure = error;
    }
  }
  throw failure ?? addressesExhausted({ family, network: open.network.name, subnet: 'none' });
}

function allocatorFor(open: OpenNetwork, address: string): AddressAllocator | undefined {
  return open.allocators.find((a) => contains(a.prefix, parseAddress(address)));
}
