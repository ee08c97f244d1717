import type { Project } from '../model/project.ts';
import { SERVICE_KEYS, BUILD_KEYS } from './known-keys.ts';
import { formatDuration } from './units.ts';

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

const SIZES = new Set(['mem_limit', 'mem_reservation', 'memswap_limit', 'shm_size', 'memory', 'size']);
const DURATIONS = new Set([
  'stop_grace_period',
  'interval',
  'timeout',
  'start_period',
  'start_interval',
  'delay',
  'window',
]);
const PORT_KEYS = ['name', 'mode', 'host_ip', 'target', 'published', 'protocol', 'app_protocol'];
const HEALTH_KEYS = ['test', 'timeout', 'interval', 'retries', 'start_period', 'start_interval', 'disable'];
const RESOURCE_KEYS = [
  'name',
  'file',
  'environment',
  'content',
  'driver',
  'driver_opts',
  'ipam',
  'external',
  'internal',
  'attachable',
  'labels',
  'enable_ipv4',
  'enable_ipv6',
];
const VOLUME_KEYS = ['type', 'source', 'target', 'read_only', 'consistency', 'bind', 'volume', 'tmpfs', 'image'];
const RESOURCE_KINDS = ['networks', 'volumes', 'secrets', 'configs', 'models'] as const;

/**
 * The project in the canonical form that `config` prints: short forms written out, `$` doubled so that it can be read
 * again. Source: compose-go's marshalling as `docker compose config` shows it.
 */
export function canonical(
  project: Project,
  options: { readonly json?: boolean; readonly raw?: boolean } = {},
): Record<string, Plain> {
  const escape = options.raw ? (text: string): string => text : (text: string): string => text.replaceAll('$', '$$$$');
  const out: Record<string, Plain> = { name: escape(project.name) };
  out['services'] = sortedMap(project.services, (service) => {
    const found: Record<string, Plain> = {};
    for (const key of [
      ...SERVICE_KEYS,
      ...Object.keys(service)
        .filter((k) => k.startsWith('x-'))
        .sort(),
    ]) {
      const value = (service as Readonly<Record<string, unknown>>)[key];
      if (value === undefined || (key === 'profiles' && (value as unknown[]).length === 0)) {
        if (key === 'command' || key === 'entrypoint') found[key] = null;
        continue;
      }
      found[key] = serviceValue(key, value, escape, options.json ?? false);
    }
    if (!options.json) for (const key of ['command', 'entrypoint']) if (found[key] === null) delete found[key];
    return found;
  });
  for (const kind of RESOURCE_KINDS) {
    const resources = project[kind];
    if (Object.keys(resources).length === 0) continue;
    out[kind] = sortedMap(resources as Readonly<Record<string, unknown>>, (r) =>
      render(
        '',
        ordered(
          { ...(r as object), ...(kind === 'networks' ? { ipam: (r as { ipam?: object }).ipam ?? {} } : {}) },
          RESOURCE_KEYS,
        ),
        escape,
      ),
    );
  }
  for (const [key, value] of Object.entries(project.extensions)) out[key] = render(key, value, escape);
  if (options.json) return Object.fromEntries(Object.entries(out).sort(([a], [b]) => (a < b ? -1 : 1)));
  dropEmptyIpam(out);
  return out;
}

function dropEmptyIpam(out: Record<string, Plain>): void {
  for (const network of Object.values((out['networks'] ?? {}) as Record<string, Record<string, Plain>>)) {
    if (network['ipam'] && Object.keys(network['ipam']).length === 0) delete network['ipam'];
  }
}

function serviceValue(key: string, value: unknown, escape: (text: string) => string, json: boolean): Plain {
  if (key === 'environment' || key === 'labels' || key === 'networks')
    return sortedMap(value as Record<string, unknown>, (v) => render(key, v, escape));
  if (key === 'depends_on')
    return sortedMap(value as Record<string, object>, (v) =>
      render('', ordered(v, ['condition', 'restart', 'required']), escape),
    );
  if (key === 'ports') return (value as object[]).map((p) => render('', ordered(p, PORT_KEYS), escape));
  if (key === 'volumes') return (value as object[]).map((v) => render('', ordered(v, VOLUME_KEYS), escape));
  if (key === 'healthcheck') return render('', ordered(value as object, HEALTH_KEYS), escape);
  if (key === 'build') return render('', ordered(value as object, BUILD_KEYS), escape);
  if (key === 'secrets' || key === 'configs') {
    return (value as object[]).map((v) => {
      const { mode } = v as { mode?: number };
      const at = ordered(v, ['source', 'target', 'uid', 'gid']);
      return render('', mode === undefined ? at : { ...at, mode: `0${mode.toString(8)}` }, escape);
    });
  }
  if (key === 'deploy' && json) return render(key, { ...(value as object), ...withEmpty(value as object) }, escape);
  return render(key, value, escape);
}

/** What JSON output shows even when nothing is said. */
function withEmpty(deploy: object): object {
  return { resources: {}, placement: {}, ...deploy };
}

function ordered(value: object, keys: readonly string[]): Record<string, unknown> {
  const source = value as Record<string, unknown>;
  const first = keys.filter((k) => source[k] !== undefined);
  const rest = Object.keys(source).filter((k) => !keys.includes(k));
  return Object.fromEntries([...first, ...rest].map((k) => [k, source[k]]));
}

function render(key: string, value: unknown, escape: (text: string) => string): Plain {
  if (typeof value === 'number') {
    if (SIZES.has(key)) return String(value);
    return DURATIONS.has(key) ? formatDuration(value) : value;
  }
  if (typeof value === 'string') return escape(value);
  if (typeof value === 'boolean' || value === null || value === undefined) return value ?? null;
  if (Array.isArray(value)) return value.map((v) => render('', v, escape));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [k, render(k, v, escape)]),
  );
}

function sortedMap<T>(map: Readonly<Record<string, T>>, change: (value: T) => Plain): Record<string, Plain> {
  return Object.fromEntries(
    Object.keys(map)
      .sort()
      .map((key) => [key, change(map[key] as T)]),
  );
}
