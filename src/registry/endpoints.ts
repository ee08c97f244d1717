import { BlockList, isIP, isIPv6 } from 'node:net';
import { DEFAULT_REGISTRY } from '../core/reference.ts';
import { badRegistryOption } from './errors.ts';

/** A place where a registry may answer. */
export interface Endpoint {
  /** `https://host[:port]`, without slash at the end. */
  readonly base: string;
  /** Whether certificates are checked. */
  readonly verifyTls: boolean;
  readonly mirror: boolean;
}

export interface EndpointOptions {
  /** `host[:port]` or CIDR. */
  readonly insecureRegistries: readonly string[];
  /** `URL` stands before docker.io, `REGISTRY=URL` before another registry; in order. */
  readonly registryMirrors: readonly string[];
}

/**
 * Where to look for a registry, in order. Loopback addresses and the insecure ones are tried with TLS (unchecked), then plain.
 */
export function endpointsOf(registry: string, options: EndpointOptions): Endpoint[] {
  const mirrors = options.registryMirrors.map(parseMirror).flatMap(({ of, base, host }): Endpoint[] => {
    const verifyTls = !isInsecure(host, options.insecureRegistries);
    return of === registry ? [{ base, verifyTls, mirror: true }] : [];
  });
  if (registry === DEFAULT_REGISTRY) {
    return [...mirrors, { base: 'https://registry-1.docker.io', verifyTls: true, mirror: false }];
  }
  if (!isInsecure(registry, options.insecureRegistries)) {
    return [...mirrors, { base: `https://${registry}`, verifyTls: true, mirror: false }];
  }
  return [
    ...mirrors,
    { base: `https://${registry}`, verifyTls: false, mirror: false },
    { base: `http://${registry}`, verifyTls: false, mirror: false },
  ];
}

/**
 * Reads `URL` or `REGISTRY=URL`; the URL may have a path, and has no user, query or fragment.
 * @throws {WharfError} `BAD_REGISTRY_OPTION`
 */
export function parseMirror(text: string): { readonly of: string; readonly base: string; readonly host: string } {
  const [, named, address = ''] = /^(?:([^/=]+)=)?(.*)$/s.exec(text) ?? [];
  const bad = (why: string): Error => badRegistryOption({ why: `invalid mirror "${text}": ${why}` });
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw bad('a URL with http:// or https:// is expected, or REGISTRY=URL');
  }
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') throw bad('user and password do not belong there');
  if (url.search !== '' || url.hash !== '') throw bad('query and fragment do not belong there');
  const of = named === undefined || named === 'index.docker.io' ? DEFAULT_REGISTRY : named;
  return { of, base: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`, host: url.host };
}

export function isInsecure(registry: string, insecure: readonly string[]): boolean {
  const host = registry.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (host === 'localhost' || insecure.includes(registry) || insecure.includes(host)) return true;
  if (isIP(host) === 0) return false;
  const family = isIPv6(host) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  for (const cidr of ['127.0.0.0/8', '::1/128', ...insecure]) {
    const [net = '', bits = ''] = cidr.split('/');
    if (isIP(net) !== 0 && /^\d+$/.test(bits)) list.addSubnet(net, Number(bits), isIPv6(net) ? 'ipv6' : 'ipv4');
  }
  return list.check(host, family);
}
