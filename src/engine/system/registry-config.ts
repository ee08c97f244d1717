import { isIP } from 'node:net';
import { DEFAULT_REGISTRY } from '../../core/reference.ts';
import { parseMirror } from '../../registry/index.ts';
import type { EngineOptions } from '../contract.ts';

/** `RegistryConfig` of `GET /info`: what is configured about registries. Loopback is always taken as insecure. */
export function registryConfig(
  options: Pick<EngineOptions, 'insecureRegistries' | 'registryMirrors'>,
): Record<string, unknown> {
  const all = options.registryMirrors.map((text) => ({ text, ...parseMirror(text) }));
  const mirrorsOf = (name: string): string[] =>
    all.flatMap(({ of, base, text }) => (of === name ? [of === DEFAULT_REGISTRY ? text : base] : []));
  const cidrs = options.insecureRegistries.filter((r) => isIP(r.split('/')[0] ?? '') !== 0 && r.includes('/'));
  const hosts = options.insecureRegistries.filter((r) => !cidrs.includes(r));
  const index = (name: string, secure: boolean, official: boolean) => ({
    Name: name,
    Mirrors: mirrorsOf(name),
    Secure: secure,
    Official: official,
  });
  return {
    InsecureRegistryCIDRs: [...new Set(['::1/128', '127.0.0.0/8', ...cidrs])],
    IndexConfigs: {
      [DEFAULT_REGISTRY]: index(DEFAULT_REGISTRY, true, true),
      ...Object.fromEntries(all.map(({ of }) => [of, index(of, true, of === DEFAULT_REGISTRY)])),
      ...Object.fromEntries(hosts.map((host) => [host, index(host, false, false)])),
    },
    Mirrors: mirrorsOf(DEFAULT_REGISTRY),
  };
}
