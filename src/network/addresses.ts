import { isIPv4, isIPv6 } from 'node:net';
import { invalidParameter } from '../core/errors.ts';

/** An IP address as a number. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A block of addresses: `base` has no bit set beyond `length`. */
export interface Prefix {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly length: number;
}

export function findAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  // URL brings every form, also ::ffff:1.2.3.4, into hexadecimal words.
  const [head = '', tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':'));
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  const all = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back];
  return { family: 6, value: all.reduce((sum, word) => sum * 65536n + BigInt(`0x${word}`), 0n) };
}

/** @throws {WharfError} `INVALID_PARAMETER` */
export function parseAddress(text: string): Address {
  const address = findAddress(text);
  if (address === undefined) throw invalidParameter({ message: `invalid IP address: ${text}` });
  return address;
}

export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  return new URL(`http://[${words.join(':')}]/`).hostname.slice(1, -1);
}

/** An address with a prefix length, `10.0.0.1/24`. `undefined` if it is malformed. */
export function findCidr(text: string): { readonly address: Address; readonly prefix: Prefix } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : findAddress(match[1]);
  const length = Number(match?.[2]);
  if (address === undefined || length > bitsOf(address.family)) return undefined;
  return { address, prefix: prefixOf(address, length) };
}

/** A block; bits beyond its length are cleared. @throws {WharfError} `INVALID_PARAMETER` */
export function parsePrefix(text: string): Prefix {
  const cidr = findCidr(text);
  if (cidr === undefined) throw invalidParameter({ message: `invalid CIDR address: ${text}` });
  return cidr.prefix;
}

/** The block of that length around an address. */
export function prefixOf({ family, value }: Address, length: number): Prefix {
  const rest = BigInt(bitsOf(family) - length);
  return { family, base: (value >> rest) << rest, length };
}

export function formatPrefix({ family, base, length }: Prefix): string {
  return `${formatAddress({ family, value: base })}/${length}`;
}

function bitsOf(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The highest address of a block. */
export function lastOf({ family, base, length }: Prefix): bigint {
  return base + (1n << BigInt(bitsOf(family) - length)) - 1n;
}

export function contains(prefix: Prefix, { family, value }: Address): boolean {
  return family === prefix.family && value >= prefix.base && value <= lastOf(prefix);
}

export function overlap(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && a.base <= lastOf(b) && b.base <= lastOf(a);
}

/** A locally administered MAC address made of an IPv4 address, so that neighbours' ARP caches stay right: `02:42:ac:11:00:02`. */
export function macOf(address: Address): string {
  return [
    '02',
    '42',
    ...[24n, 16n, 8n, 0n].map((s) => ((address.value >> s) & 255n).toString(16).padStart(2, '0')),
  ].join(':');
}
