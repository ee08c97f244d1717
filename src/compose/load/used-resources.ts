import type { Model } from '../model/project.ts';
import type { Service } from '../model/service.ts';

/** The networks, volumes, secrets and configs that some service uses. */
export function usedResources(
  model: Model,
  services: Readonly<Record<string, Service>>,
): Pick<Model, 'networks' | 'volumes' | 'secrets' | 'configs'> {
  const all = Object.values(services);
  const pick = <T>(from: Readonly<Record<string, T>>, used: ReadonlySet<string>): Record<string, T> =>
    Object.fromEntries(Object.entries(from).filter(([key]) => used.has(key)));
  return {
    networks: pick(model.networks, new Set(all.flatMap((s) => Object.keys(s.networks ?? {})))),
    volumes: pick(
      model.volumes,
      new Set(
        all.flatMap((s) =>
          (s.volumes ?? []).flatMap((v) => (v.type === 'volume' && v.source !== undefined ? [v.source] : [])),
        ),
      ),
    ),
    secrets: pick(
      model.secrets,
      new Set(all.flatMap((s) => [...(s.secrets ?? []), ...(s.build?.secrets ?? [])].map((r) => r.source))),
    ),
    configs: pick(model.configs, new Set(all.flatMap((s) => (s.configs ?? []).map((r) => r.source)))),
  };
}
