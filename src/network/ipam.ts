import { invalidParameter } from '../core/errors.ts';
import type { Subnet } from './contract.ts';
import { addressInUse, addressesExhausted } from './errors.ts';
import type { Address, Prefix } from './addresses.ts';
import { contains, findCidr, formatAddress, lastOf, parseAddress, parsePrefix } from './addresses.ts';

/** Pools of networks for which no subnet was asked: base and prefix length of each network taken from it. Docker's own. */
export const DEFAULT_ADDRESS_POOLS: readonly { readonly base: string; readonly size: number }[] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/16', size: 16 },
  { base: '172.19.0.0/16', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
];

/** The first block of the pools that overlaps none of `taken`, or `undefined`. Pools of the other family are passed over. */
export function firstFreeBlock(
  family: 4 | 6,
  pools: readonly { readonly base: string; readonly size: number }[],
  taken: readonly Prefix[],
): Prefix | undefined {
  for (const pool of pools) {
    const whole = parsePrefix(pool.base);
    if (whole.family !== family) continue;
    if (pool.size < whole.length || pool.size > (family === 4 ? 32 : 128)) {
      throw invalidParameter({ message: `invalid address pool: size ${pool.size} does not fit into ${pool.base}` });
    }
    const end = lastOf(whole);
    for (let base = whole.base; base <= end; ) {
      const block: Prefix = { family, base, length: pool.size };
      const last = lastOf(block);
      const enemy = taken.find((t) => t.family === family && t.base <= last && base <= lastOf(t));
      if (enemy === undefined) return block;
      // On past the end of what is in the way, at the next multiple of the block's size.
      const size = last - base + 1n;
      const beyond = lastOf(enemy) + 1n;
      base = beyond <= last + 1n ? last + 1n : ((beyond + size - 1n) / size) * size;
    }
  }
  return undefined;
}

/**
 * The addresses of one subnet. Given out one after the other, round and round, so that one just freed is not another's at
 * once (its neighbours may still hold its MAC address).
 */
export class AddressAllocator {
  readonly prefix: Prefix;
  readonly #network: string;
  readonly #range: { readonly first: bigint; readonly last: bigint };
  readonly #reserved = new Set<bigint>();
  readonly #used = new Set<bigint>();
  #next: bigint;

  constructor(network: string, subnet: Subnet) {
    const prefix = parsePrefix(subnet.subnet);
    const range = subnet.ipRange === undefined ? prefix : parsePrefix(subnet.ipRange);
    this.prefix = prefix;
    this.#network = network;
    this.#range = { first: range.base, last: lastOf(range) };
    this.#next = range.base;
    // The block's own name and, with IPv4, its broadcast address belong to nobody; blocks of one or two have neither.
    if (lastOf(prefix) - prefix.base > 1n) {
      this.#reserved.add(prefix.base);
      if (prefix.family === 4) this.#reserved.add(lastOf(prefix));
    }
    this.#reserved.add(parseAddress(subnet.gateway).value);
    for (const address of Object.values(subnet.aux ?? {})) this.#reserved.add(parseAddress(address).value);
  }

  /** The next free one. @throws {WharfError} `ADDRESSES_EXHAUSTED` */
  allocate(): string {
    const { first, last } = this.#range;
    let candidate = this.#next;
    for (let left = last - first + 1n; left > 0n; left--) {
      if (candidate > last || candidate < first) candidate = first;
      if (!this.#reserved.has(candidate) && !this.#used.has(candidate)) {
        this.#used.add(candidate);
        this.#next = candidate + 1n;
        return this.#format(candidate);
      }
      candidate++;
    }
    const { family } = this.prefix;
    throw addressesExhausted({ family, network: this.#network, subnet: this.#format(this.prefix.base) });
  }

  /** Takes this very one. @throws {WharfError} `ADDRESS_IN_USE`; `INVALID_PARAMETER` if it is outside of the subnet */
  reserve(text: string): string {
    const address = parseAddress(text);
    if (!contains(this.prefix, address)) {
      throw invalidParameter({ message: `no configured subnet contains IP address ${text}` });
    }
    if (this.#reserved.has(address.value) || this.#used.has(address.value)) throw addressInUse({});
    this.#used.add(address.value);
    return this.#format(address.value);
  }

  /** Takes up one that is in use already, after a restart; allocation goes on behind it. */
  adopt(text: string): void {
    const address = parseAddress(text);
    this.#used.add(address.value);
    const { first, last } = this.#range;
    if (address.value >= this.#next && address.value >= first && address.value <= last) this.#next = address.value + 1n;
  }

  release(text: string): void {
    this.#used.delete(parseAddress(text).value);
  }

  #format(value: bigint): string {
    return formatAddress({ family: this.prefix.family, value });
  }
}

/** The faults of a subnet asked for, in Docker's words. */
export function subnetFaults(request: {
  readonly subnet: string;
  readonly gateway?: string | undefined;
  readonly ipRange?: string | undefined;
  readonly aux?: Readonly<Record<string, string>> | undefined;
}): string[] {
  const cidr = findCidr(request.subnet);
  if (cidr === undefined) return [`invalid subnet ${request.subnet}: invalid CIDR block notation`];
  const faults: string[] = [];
  const { prefix } = cidr;
  if (cidr.address.value !== prefix.base) {
    faults.push(
      `invalid subnet ${request.subnet}: it should be ${formatAddress({ family: prefix.family, value: prefix.base })}/${prefix.length}`,
    );
  }
  if (request.ipRange) {
    const range = findCidr(request.ipRange);
    if (range === undefined) faults.push(`invalid ip-range ${request.ipRange}: invalid CIDR block notation`);
    else if (!contains(prefix, range.address) || range.prefix.length < prefix.length) {
      faults.push(`invalid ip-range ${request.ipRange}: parent subnet ${request.subnet} doesn't contain ip-range`);
    } else if (range.address.value !== range.prefix.base) {
      const base = formatAddress({ family: prefix.family, value: range.prefix.base });
      faults.push(`invalid ip-range ${request.ipRange}: it should be ${base}/${range.prefix.length}`);
    }
  }
  const inside = (kind: string, text: string) => {
    const address = addressOf(text);
    if (address === undefined) faults.push(`invalid ${kind} ${text}: invalid address`);
    else if (!contains(prefix, address)) {
      faults.push(`invalid ${kind} ${text}: parent subnet ${request.subnet} doesn't contain this address`);
    }
  };
  if (request.gateway) inside('gateway', request.gateway);
  for (const [name, address] of Object.entries(request.aux ?? {})) inside(`auxiliary address ${name}:`, address);
  return faults;
}

function addressOf(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}
