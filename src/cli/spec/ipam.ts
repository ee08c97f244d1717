import { BlockList, isIP } from 'node:net';
import type { IpamPool } from '../../core/wire/network.ts';

interface PoolFlags {
  readonly subnet: readonly string[];
  readonly ipRange: readonly string[];
  readonly gateway: readonly string[];
  readonly auxAddress: readonly string[];
}

/** Puts ranges, gateways and auxiliary addresses to the subnets they lie in. @throws {Error} in docker's words */
export function ipamPools({ subnet, ipRange, gateway, auxAddress }: PoolFlags): IpamPool[] {
  if (subnet.length < ipRange.length || subnet.length < gateway.length) {
    throw new Error('every ip-range or gateway must have a corresponding subnet');
  }
  if (subnet.some((text, i) => subnet.slice(i + 1).some((other) => overlap(text, other)))) {
    throw new Error('multiple overlapping subnet configuration is not supported');
  }
  const pools: (IpamPool & { Subnet: string })[] = subnet.map((text) => ({ Subnet: text }));
  const poolOf = (address: string) => pools.find((p) => contains(p.Subnet, address));
  for (const range of ipRange) {
    const [address = '', bits = ''] = range.split('/');
    if (isIP(address) === 0 || !/^\d+$/.test(bits)) throw new Error(`invalid CIDR address: ${range}`);
    const pool = poolOf(range.split('/')[0] ?? '');
    if (pool === undefined) throw new Error(`no matching subnet for range ${range}`);
    if (pool.IPRange !== undefined)
      throw new Error(
        `cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`,
      );
    pool.IPRange = range;
  }
  for (const address of gateway) {
    const pool = poolOf(address);
    if (pool === undefined) throw new Error(`no matching subnet for gateway ${address}`);
    if (pool.Gateway !== undefined)
      throw new Error(
        `cannot configure multiple gateways (${address}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`,
      );
    pool.Gateway = address;
  }
  for (const text of auxAddress) {
    const equals = text.indexOf('=');
    const address = equals < 0 ? '' : text.slice(equals + 1);
    const pool = poolOf(address);
    if (pool === undefined) throw new Error(`no matching subnet for aux-address ${address}`);
    pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [text.slice(0, equals)]: address };
  }
  return pools;
}

function overlap(a: string, b: string): boolean {
  return contains(a, b.split('/')[0] ?? '') || contains(b, a.split('/')[0] ?? '');
}

function contains(subnet: string, address: string): boolean {
  const [base = '', bits = ''] = subnet.split('/');
  const family = isIP(base);
  if (family === 0 || isIP(address) !== family || !/^\d+$/.test(bits)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, Number(bits), type);
  return list.check(address, type);
}
