import { BlockList, isIP, isIPv6 } from 'node:net';
import { DEFAULT_REGISTRY } from '../core/reference.ts';

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
  /** URLs; used for docker.io only, before it. */
  readonly registryMirrors: readonly string[];
}

/**
 * Where to look for a registry, in order. Loopback addresses and the insecure ones are tried with TLS (unchecked), then plain.
 */
export function endpointsOf(registry: string, options: EndpointOptions): Endpoint[] {
  if (registry === DEFAULT_REGISTRY) {
    const mirrors = options.registryMirrors.flatMap((url) => {
      const { protocol, host, pathname } = new URL(url);
      const verifyTls = !isInsecure(host, options.insecureRegistries);
      return { base: `${protocol}//${host}${pathname.replace(/\/+$/, '')}`, verifyTls, mirror: true };
    });
    return [...mirrors, { base: 'https://registry-1.docker.io', verifyTls: true, mirror: false }];
  }
  if (!isInsecure(registry, options.insecureRegistries)) {
    return [{ base: `https://${registry}`, verifyTls: true, mirror: false }];
  }
  return [
    { base: `https://${registry}`, verifyTls: false, mirror: false },
    { base: `http://${registry}`, verifyTls: false, mirror: false },
  ];
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
