import { isIP, isIPv4, isIPv6 } from 'node:net';
import { invalidParameter } from '../../core/errors.ts';
import type { ContainerConfig, HostConfig } from '../../core/wire/container.ts';
import type { EndpointSettings } from '../../core/wire/network.ts';

const bad = (message: string) => invalidParameter({ message });

/** What sethostname(2) takes. */
const HOSTNAME_BYTES = 64;
/** Control characters and white space: in a line of /etc/hosts or resolv.conf they begin something else. */
// oxlint-disable-next-line no-control-regex
const BREAKS = /[\0- \x7f]/;

/** The kernel would take what stands before a NUL for the whole. @throws {WharfError} `INVALID_PARAMETER` at the first one */
export function refuseNul(value: unknown, path = ''): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw bad(`${path} cannot contain NUL: ${JSON.stringify(value.slice(0, 100))}`);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    refuseNul(key, `a name in ${path || 'the request'}`);
    refuseNul(inner, Array.isArray(value) ? path : path === '' ? key : `${path}.${key}`);
  }
}

/** What is written into the files of a container's /etc. @throws {WharfError} `INVALID_PARAMETER` */
export function checkNames(config: ContainerConfig, host: HostConfig): void {
  const { Hostname = '', Domainname = '' } = config;
  // Docker takes any text; spaces included. What breaks the line, or the kernel refuses, is refused here.
  for (const [what, text] of Object.entries({ hostname: Hostname, domainname: Domainname })) {
    if (/[\n\r]/.test(text) || Buffer.byteLength(text) > HOSTNAME_BYTES) {
      throw bad(`invalid ${what}: ${JSON.stringify(text.slice(0, 100))}`);
    }
  }
  for (const address of host.Dns ?? []) {
    if (isIP(address) === 0) throw bad(`invalid DNS address: ${JSON.stringify(address)}`);
  }
  for (const [what, words] of [
    ['DNS search domain', host.DnsSearch],
    ['DNS option', host.DnsOptions],
  ] as const) {
    for (const word of words ?? []) {
      if (BREAKS.test(word)) throw bad(`invalid ${what}: ${JSON.stringify(word)}`);
    }
  }
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry);
}

/** `name:address`, `name=address`; IPv6 with or without brackets. @throws {WharfError} `INVALID_PARAMETER` */
function checkExtraHost(entry: string): void {
  const at = entry.search(/[:=]/);
  const name = entry.slice(0, Math.max(0, at));
  if (name === '' || BREAKS.test(name)) throw bad(`bad format for add-host: ${JSON.stringify(entry)}`);
  const address = entry.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (address !== 'host-gateway' && isIP(address) === 0) {
    throw bad(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
}

/** How an endpoint is written, whatever its network: what is wrong with it. */
export function endpointFaults(settings: EndpointSettings): string[] {
  const faults: string[] = [];
  const { IPv4Address, IPv6Address, LinkLocalIPs } = settings.IPAMConfig ?? {};
  if (IPv4Address && !isIPv4(IPv4Address)) faults.push(`invalid IPv4 address: ${IPv4Address}`);
  if (IPv6Address && !isIPv6(IPv6Address)) faults.push(`invalid IPv6 address: ${IPv6Address}`);
  for (const address of LinkLocalIPs ?? []) {
    if (isIP(address) === 0) faults.push(`invalid link-local IP address: ${address}`);
  }
  for (const alias of settings.Aliases ?? []) {
    if (alias === '' || BREAKS.test(alias)) faults.push(`invalid alias: ${JSON.stringify(alias)}`);
  }
  return faults;
}

/** @throws {WharfError} `INVALID_PARAMETER` */
export function checkMac(address: string | undefined): void {
  if (address && !/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(address)) throw bad(`invalid MAC address ${address}`);
}
