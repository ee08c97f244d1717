import type { ContainerCreateRequest, ContainerInspect, HostConfig } from '../../core/wire/container.ts';
import type { ImageInspect } from '../../core/wire/resources.ts';

/** One value that is not as it should be. Texts are JSON, or `(none)`. */
export interface Difference {
  readonly path: string;
  readonly was: string;
  readonly is: string;
}

/** What the engine fills in by itself when nothing is asked for. */
const DEFAULTS: Readonly<Record<string, readonly unknown[]>> = {
  NetworkMode: ['default'],
  IpcMode: ['private', 'shareable'],
  CgroupnsMode: ['host', 'private'],
  Runtime: ['runc', 'crun'],
  ShmSize: [67_108_864],
  LogConfig: [],
  MemorySwap: [],
  PidsLimit: [null, 0, -1],
  RestartPolicy: [],
};
const HOST_KEYS: readonly (keyof HostConfig)[] = [
  'Binds',
  'Mounts',
  'NetworkMode',
  'PortBindings',
  'RestartPolicy',
  'IpcMode',
  'PidMode',
  'CapAdd',
  'CapDrop',
  'Privileged',
  'ReadonlyRootfs',
  'SecurityOpt',
  'Init',
  'ShmSize',
  'Sysctls',
  'Tmpfs',
  'Dns',
  'ExtraHosts',
  'GroupAdd',
  'LogConfig',
  'Memory',
  'NanoCpus',
  'Devices',
  'Ulimits',
];

/** How a container differs from what would be made in its place. */
export function differences(now: ContainerInspect, wanted: ContainerCreateRequest, image: ImageInspect): Difference[] {
  const found: Difference[] = [];
  const compare = (path: string, was: unknown, is: unknown): void => {
    if (text(was) !== text(is)) found.push({ path, was: text(was), is: text(is) });
  };
  const byKey = (path: string, was: Record<string, unknown>, is: Record<string, unknown>): void => {
    for (const key of [...new Set([...Object.keys(was), ...Object.keys(is)])].sort())
      compare(`${path}.${key}`, was[key], is[key]);
  };
  const own = image.Config;
  byKey('environment', environment(now.Config.Env, own?.Env), environment(wanted.Env, own?.Env));
  byKey('labels', labels(now.Config.Labels, own?.Labels), labels(wanted.Labels, own?.Labels));
  compare('image', now.Config.Image, wanted.Image);
  compare('command', now.Config.Cmd ?? [], wanted.Cmd ?? (wanted.Entrypoint ? [] : (own?.Cmd ?? [])));
  compare('entrypoint', now.Config.Entrypoint ?? [], wanted.Entrypoint ?? own?.Entrypoint ?? []);
  compare('user', now.Config.User || undefined, wanted.User ?? (own?.User || undefined));
  compare('working_dir', now.Config.WorkingDir || undefined, wanted.WorkingDir ?? (own?.WorkingDir || undefined));
  compare('hostname', wanted.Hostname === undefined ? undefined : now.Config.Hostname, wanted.Hostname);
  compare('tty', now.Config.Tty ?? false, wanted.Tty ?? false);
  compare('stop_signal', wanted.StopSignal === undefined ? undefined : now.Config.StopSignal, wanted.StopSignal);
  compare('healthcheck', wanted.Healthcheck === undefined ? undefined : now.Config.Healthcheck, wanted.Healthcheck);
  for (const key of HOST_KEYS) {
    const was: unknown = now.HostConfig[key];
    const is: unknown = wanted.HostConfig?.[key];
    // Nothing is asked for, and the engine's own choice stands there.
    if (isNothing(is) && (isNothing(was) || key in DEFAULTS)) continue;
    compare(LATER_NAMES[key] ?? key, isNothing(was) ? undefined : filled(was, is), isNothing(is) ? undefined : is);
  }
  return found;
}

const LATER_NAMES: Readonly<Record<string, string>> = {
  Binds: 'volumes',
  Mounts: 'volumes',
  NetworkMode: 'networks',
  PortBindings: 'ports',
  RestartPolicy: 'restart',
  CapAdd: 'cap_add',
  CapDrop: 'cap_drop',
  Privileged: 'privileged',
  ReadonlyRootfs: 'read_only',
  Memory: 'mem_limit',
  NanoCpus: 'cpus',
  ExtraHosts: 'extra_hosts',
  LogConfig: 'logging',
  Devices: 'devices',
  Ulimits: 'ulimits',
};

/** Of an object that the engine shows, only the keys that were asked for. */
function filled(was: unknown, is: unknown): unknown {
  if (!isMap(was) || !isMap(is))
    return Array.isArray(was) && Array.isArray(is) ? was.map((w, i) => filled(w, is[i])) : was;
  const kept = Object.entries(was).filter(([key, value]) => key in is || !isNothing(value));
  return Object.fromEntries(kept.map(([key, value]) => [key, filled(value, is[key])]));
}

function environment(
  list: readonly string[] | null | undefined,
  ofImage: readonly string[] | null | undefined,
): Record<string, string> {
  const known = new Set(ofImage ?? []);
  return Object.fromEntries(
    (list ?? []).flatMap((pair) => {
      const equals = pair.indexOf('=');
      return known.has(pair) || equals < 0 ? [] : [[pair.slice(0, equals), pair.slice(equals + 1)]];
    }),
  );
}

function labels(
  all: Readonly<Record<string, string>> | null | undefined,
  ofImage: Readonly<Record<string, string>> | null | undefined,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(all ?? {}).filter(([k, v]) => !k.startsWith('com.docker.compose.') && ofImage?.[k] !== v),
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false || value === 'no')
    return true;
  if (Array.isArray(value)) return value.length === 0;
  return isMap(value) && Object.values(value).every(isNothing);
}

function text(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined && v !== null);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}
