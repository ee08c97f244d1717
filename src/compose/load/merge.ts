import type { Model } from '../model/project.ts';
import type { Port, Service } from '../model/service.ts';

/**
 * Merges what a later file (or an extending service) says over what an earlier one said, both with short forms written out.
 * Source: compose-spec, "Merge and override".
 */
export function mergeModels(base: Model, over: Model): Model {
  const name = over.name ?? base.name;
  return {
    ...(name === undefined ? {} : { name }),
    services: mergeNamed(base.services, over.services, mergeServices),
    networks: mergeNamed(base.networks, over.networks, (a, b) => mergeValue('networks', a, b) as typeof a),
    volumes: mergeNamed(base.volumes, over.volumes, (a, b) => mergeValue('volumes', a, b) as typeof a),
    secrets: mergeNamed(base.secrets, over.secrets, (a, b) => mergeValue('secrets', a, b) as typeof a),
    configs: mergeNamed(base.configs, over.configs, (a, b) => mergeValue('configs', a, b) as typeof a),
    models: mergeNamed(base.models, over.models, (a, b) => mergeValue('models', a, b) as typeof a),
    extensions: mergeNamed(base.extensions, over.extensions, (a, b) => mergeValue('x', a, b) as typeof a),
  };
}

export function mergeServices(base: Service, over: Service): Service {
  return mergeValue('service', base, over) as Service;
}

/** Drops what a list says twice, as merging would. */
export function unified(service: Service): Service {
  const out: Record<string, unknown> = { ...service };
  for (const [place, rule] of Object.entries(RULES)) {
    const key = place.replace(/^service\./, '');
    if (place.startsWith('service.') && Array.isArray(out[key]) && rule !== replace) out[key] = rule([], out[key]);
  }
  return out as Service;
}

function mergeNamed<T>(
  base: Readonly<Record<string, T>>,
  over: Readonly<Record<string, T>>,
  merge: (a: T, b: T) => T,
): Record<string, T> {
  const out: Record<string, T> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = out[key];
    out[key] = before === undefined ? value : merge(before, value);
  }
  return out;
}

type Rule = (base: unknown, over: unknown) => unknown;
const replace: Rule = (_base, over) => over;
/** Appends; what has the same key replaces the earlier one at its place. */
const uniqueBy =
  (key: (item: never) => string): Rule =>
  (base, over) => {
    const items = new Map<string, unknown>();
    for (const item of [...(base as unknown[]), ...(over as unknown[])]) items.set(key(item as never), item);
    return [...items.values()];
  };
const byText = uniqueBy((item: string) => item);
const byTarget = uniqueBy((item: { target?: string; source: string }) => item.target ?? item.source);

const RULES: Readonly<Record<string, Rule>> = {
  'service.command': replace,
  'service.entrypoint': replace,
  'service.healthcheck.test': replace,
  'service.ports': uniqueBy((p: Port) => `${p.host_ip ?? ''}|${p.published ?? ''}|${p.target}|${p.protocol}`),
  'service.volumes': byTarget,
  'service.devices': byTarget,
  'service.secrets': byTarget,
  'service.configs': byTarget,
  'service.env_file': uniqueBy((e: { path: string }) => e.path),
  'service.logging': (base, over) => {
    const a = base as { driver?: string };
    const b = over as { driver?: string };
    return a.driver === undefined || b.driver === undefined || a.driver === b.driver ? mergeMaps('logging', a, b) : b;
  },
  'networks.ipam.config': uniqueBy((c: { subnet?: string }) => c.subnet ?? ''),
  ...Object.fromEntries(
    [
      'profiles',
      'expose',
      'cap_add',
      'cap_drop',
      'links',
      'dns',
      'dns_opt',
      'dns_search',
      'tmpfs',
      'extra_hosts',
      'label_file',
      'build.extra_hosts',
      'build.tags',
      'external_links',
      'group_add',
      'security_opt',
      'device_cgroup_rules',
      'volumes_from',
    ].map((key) => [`service.${key}`, byText]),
  ),
};

function mergeValue(path: string, base: unknown, over: unknown): unknown {
  if (over === undefined || over === null) return base;
  if (base === undefined || base === null) return over;
  const rule = RULES[path] ?? (/^service\.(build\.)?ulimits\./.test(path) ? replace : undefined);
  if (rule) return rule(base, over);
  if (/^service\.networks\.[^.]+\.(aliases|link_local_ips)$/.test(path)) return byText(base, over);
  if (Array.isArray(base) && Array.isArray(over)) return [...(base as unknown[]), ...(over as unknown[])];
  if (isMap(base) && isMap(over)) return mergeMaps(path, base, over);
  return over;
}

function mergeMaps(path: string, base: object, over: object): object {
  const out: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) out[key] = mergeKey(`${path}.${key}`, out, key, value);
  return out;
}

function mergeKey(path: string, base: Readonly<Record<string, unknown>>, key: string, over: unknown): unknown {
  // In environment and build.args an entry without a value is itself something to say: take it from the environment.
  if (over === null && /^service\.(environment|build\.args)\./.test(path)) return null;
  return key in base ? mergeValue(path, base[key], over) : over;
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
