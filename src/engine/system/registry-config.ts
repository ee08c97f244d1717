import { isIP } from 'node:net';
import { DEFAULT_REGISTRY } from '../../core/reference.ts';
import type { EngineOptions } from '../contract.ts';

/** `RegistryConfig` of `GET /info`: what is configured about registries. Loopback is always taken as insecure. */
export function registryConfig(
  options: Pick<EngineOptions, 'insecureRegistries' | 'registryMirrors'>,
): Record<string, unknown> {
  const mirrors = [...options.registryMirrors];
  const cidrs = options.insecureRegistries.filter((r) => isIP(r.split('/')[0] ?? '') !== 0 && r.includes('/'));
  const hosts = options.insecureRegistries.filter((r) => !cidrs.includes(r));
  const index = (name: string, secure: boolean, official: boolean) => ({
    Name: name,
    Mirrors: official ? mirrors : [],
    Secure: secure,
    Official: official,
  });
  return {
    InsecureRegistryCIDRs: [...new Set(['::1/128', '127.0.0.0/8', ...cidrs])],
    IndexConfigs: {
      [DEFAULT_REGISTRY]: index(DEFAULT_REGISTRY, true, true),
      ...Object.fromEntries(hosts.map((host) => [host, index(host, false, false)])),
    },
    Mirrors: mirrors,
  };
}
