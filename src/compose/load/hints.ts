import { nearest } from '../../core/nearest.ts';
import type { Tree } from './tree.ts';

// What to write instead, where a spelling check alone does not know.

/** What a web page's typography does to a value. */
export function pasted(tree: Tree): string | undefined {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string') return undefined;
  if (/^[\u2010-\u2015\u2212]\s/.test(tree.value))
    return `"${tree.value[0] ?? ''}" is a typographic dash, not a hyphen; write "- ${tree.value.slice(1).trim()}"`;
  if (/^[\u201C\u201D\u201E\u2018\u2019]/.test(tree.value))
    return `the quotes are typographic ones; write ${tree.value.replace(/[\u201C\u201D\u201E\u2018\u2019]/g, '')}`;
  return undefined;
}

const SAME: Readonly<Record<string, string>> = { always: 'any', no: 'none', never: 'none' };

/** `healthy` for `service_healthy`, `always` for `any`: too far for a spelling check. */
export function meant(value: string, words: readonly string[]): string {
  const same = SAME[value];
  const found =
    same !== undefined && words.includes(same)
      ? same
      : value.length < 4
        ? undefined
        : words.find((w) => w.includes(value));
  return found === undefined ? '' : `; did you mean "${found}"?`;
}

/** The bare value as that of the key it is probably meant for. */
export function asKey(key: string | undefined, tree: Tree): string | undefined {
  return key !== undefined && tree.kind === 'scalar' && tree.value !== null
    ? `write "${key}: ${tree.source}" on a line of its own below it`
    : undefined;
}

/** For a list where a map belongs: what to write instead. */
export function withoutDashes(tree: Tree): string | undefined {
  if (tree.kind === 'scalar' && typeof tree.value === 'string' && /^[\w.-]+$/.test(tree.value))
    return `write "${tree.value}:" on a line of its own below it`;
  if (tree.kind !== 'list') return undefined;
  const [first] = tree.items;
  if (first?.kind === 'scalar' && first.value !== null) return `write "${first.source}:" without the dash`;
  return first?.kind === 'map' ? 'take the dashes away' : undefined;
}

/** Keys that people write where another is meant, and that look too different for a spelling check. */
const MEANT: Readonly<Record<string, string>> = {
  depend_on: 'depends_on',
  envfile: 'env_file',
  images: 'image',
  service: 'services',
  network: 'networks',
  volume: 'volumes',
  net: 'network_mode',
  port: 'ports',
  env: 'environment',
  cmd: 'command',
  log_driver: 'logging',
  log_opt: 'logging',
  memory: 'mem_limit',
  mem: 'mem_limit',
  hosts: 'extra_hosts',
  name: 'container_name',
  dependson: 'depends_on',
  workdir: 'working_dir',
  volume_driver: 'volumes',
  src: 'source',
  dst: 'target',
  destination: 'target',
  readonly: 'read_only',
  ro: 'read_only',
  requires: 'depends_on',
  autostart: 'restart',
  dockerFile: 'dockerfile',
  path: 'context',
  arguments: 'args',
  health_check: 'healthcheck',
  dependencies: 'depends_on',
  environments: 'environment',
  envs: 'environment',
  vars: 'environment',
  entry_point: 'entrypoint',
  containername: 'container_name',
  host_name: 'hostname',
  mount: 'volumes',
  mounts: 'volumes',
  replica: 'replicas',
  ipv4: 'ipv4_address',
  ipv6: 'ipv6_address',
  ip: 'ipv4_address',
  alias: 'aliases',
};

/** Keys that are right elsewhere, by where that is. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'build:': ['dockerfile', 'dockerfile_inline', 'context', 'args', 'target', 'cache_from', 'additional_contexts'],
  'deploy:': ['replicas', 'resources', 'restart_policy', 'placement', 'update_config'],
  'deploy: resources:': ['limits', 'reservations'],
  'healthcheck:': ['test', 'interval', 'retries', 'start_period', 'start_interval'],
  'logging:': ['driver', 'options'],
  'networks: NAME:': ['ipv4_address', 'ipv6_address', 'aliases'],
  'ipam: config: -': ['subnet', 'gateway', 'ip_range', 'aux_addresses'],
  'develop:': ['watch'],
};

function elsewhere(key: string): string | undefined {
  const place = Object.keys(ELSEWHERE).find((p) => ELSEWHERE[p]?.includes(key));
  return place === undefined ? undefined : `"${key}" belongs below "${place}"`;
}

/** What to say about a key that is not known here: `; did you mean …`, where it belongs, or what is known. */
export function aboutKey(key: string, known: readonly string[]): string {
  const other = MEANT[key];
  const guess = other !== undefined && known.includes(other) ? other : nearest(key, known);
  if (guess !== undefined) return `; did you mean "${guess}"?`;
  const moved = elsewhere(key);
  if (moved !== undefined) return `; ${moved}`;
  return `; expected one of ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}`;
}
