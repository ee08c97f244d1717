import { didYouMean } from '../../core/nearest.ts';
import { composeUsage } from '../errors.ts';

/** How a flag of `docker run` is written in a service. */
type Rule =
  | { readonly kind: 'switch'; readonly key?: string }
  | { readonly kind: 'value'; readonly key?: string }
  | { readonly kind: 'list'; readonly key: string }
  | { readonly kind: 'health'; readonly key: string };

const on = (key?: string): Rule => (key === undefined ? { kind: 'switch' } : { kind: 'switch', key });
const value = (key?: string): Rule => (key === undefined ? { kind: 'value' } : { kind: 'value', key });
const many = (key: string): Rule => ({ kind: 'list', key });
const health = (key: string): Rule => ({ kind: 'health', key });

const RULES: Readonly<Record<string, Rule>> = {
  '--detach': on(),
  '--rm': on(),
  '--interactive': on('stdin_open'),
  '--tty': on('tty'),
  '--init': on('init'),
  '--privileged': on('privileged'),
  '--read-only': on('read_only'),
  '--oom-kill-disable': on('oom_kill_disable'),
  '--name': value('container_name'),
  '--hostname': value('hostname'),
  '--domainname': value('domainname'),
  '--user': value('user'),
  '--workdir': value('working_dir'),
  '--entrypoint': value('entrypoint'),
  '--restart': value('restart'),
  '--memory': value('mem_limit'),
  '--memory-reservation': value('mem_reservation'),
  '--memory-swap': value('memswap_limit'),
  '--cpus': value('cpus'),
  '--cpu-shares': value('cpu_shares'),
  '--cpuset-cpus': value('cpuset'),
  '--pids-limit': value('pids_limit'),
  '--shm-size': value('shm_size'),
  '--ipc': value('ipc'),
  '--pid': value('pid'),
  '--uts': value('uts'),
  '--userns': value('userns_mode'),
  '--cgroupns': value('cgroup'),
  '--runtime': value('runtime'),
  '--platform': value('platform'),
  '--stop-signal': value('stop_signal'),
  '--mac-address': value('mac_address'),
  '--oom-score-adj': value('oom_score_adj'),
  '--gpus': value('gpus'),
  '--pull': value('pull_policy'),
  '--network': value('network'),
  '--net': value('network'),
  '--network-alias': many('aliases'),
  '--ip': value('ip'),
  '--stop-timeout': value('stop_timeout'),
  '--log-driver': value('log_driver'),
  '--log-opt': many('log_opt'),
  '--ulimit': many('ulimit'),
  '--env': many('environment'),
  '--env-file': many('env_file'),
  '--publish': many('ports'),
  '--expose': many('expose'),
  '--volume': many('volumes'),
  '--mount': many('mount'),
  '--tmpfs': many('tmpfs'),
  '--volumes-from': many('volumes_from'),
  '--label': many('labels'),
  '--cap-add': many('cap_add'),
  '--cap-drop': many('cap_drop'),
  '--device': many('devices'),
  '--dns': many('dns'),
  '--dns-search': many('dns_search'),
  '--dns-option': many('dns_opt'),
  '--add-host': many('extra_hosts'),
  '--group-add': many('group_add'),
  '--security-opt': many('security_opt'),
  '--sysctl': many('sysctls'),
  '--link': many('external_links'),
  '--health-cmd': health('test'),
  '--health-interval': health('interval'),
  '--health-timeout': health('timeout'),
  '--health-retries': health('retries'),
  '--health-start-period': health('start_period'),
  '--no-healthcheck': on('no_healthcheck'),
  '--cidfile': value(),
  '--detach-keys': value(),
  '--attach': value(),
  '--publish-all': on(),
};
const SHORT: Readonly<Record<string, string>> = {
  d: '--detach',
  i: '--interactive',
  t: '--tty',
  h: '--hostname',
  u: '--user',
  w: '--workdir',
  m: '--memory',
  c: '--cpu-shares',
  e: '--env',
  p: '--publish',
  v: '--volume',
  l: '--label',
  a: '--attach',
  P: '--publish-all',
};
const NUMBERS = new Set(['cpus', 'cpu_shares', 'pids_limit', 'oom_score_adj']);

/**
 * A Compose model for a `docker run` command line.
 * @returns the model, and flags that say nothing about a service
 * @throws {WharfError} `COMPOSE_USAGE` for a flag that is not known
 */
export function fromRun(words: readonly string[]): {
  readonly model: Record<string, unknown>;
  readonly ignored: string[];
} {
  const rest = [...words];
  if (/^(sudo)$/.test(rest[0] ?? '')) rest.shift();
  if (/(docker|podman|wharf|nerdctl)$/.test(rest[0] ?? '')) rest.shift();
  if (rest[0] === 'container') rest.shift();
  if (rest[0] === 'run' || rest[0] === 'create') rest.shift();
  const service: Record<string, unknown> = {};
  const lists: Record<string, string[]> = {};
  const check: Record<string, unknown> = {};
  const ignored: string[] = [];
  const take = (flag: string, given: string | undefined, shown: string): void => {
    const rule = RULES[flag];
    if (!rule) throw composeUsage({ message: `unknown flag: ${shown}${didYouMean(flag, Object.keys(RULES))}` });
    if (rule.kind === 'switch') {
      if (rule.key !== undefined) service[rule.key] = given !== 'false';
      else if (flag !== '--detach') ignored.push(flag);
      return;
    }
    const text = given ?? rest.shift();
    if (text === undefined) throw composeUsage({ message: `flag needs an argument: ${shown}` });
    if (rule.key === undefined) ignored.push(flag);
    else if (rule.kind === 'list') (lists[rule.key] ??= []).push(text);
    else if (rule.kind === 'health') check[rule.key] = rule.key === 'retries' ? Number(text) : text;
    else service[rule.key] = NUMBERS.has(rule.key) ? Number(text) : text;
  };
  while (rest[0]?.startsWith('-')) {
    const word = rest.shift() ?? '';
    if (word === '--') break;
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      take(equals < 0 ? word : word.slice(0, equals), equals < 0 ? undefined : word.slice(equals + 1), word);
      continue;
    }
    for (let i = 1; i < word.length; i++) {
      const flag = SHORT[word[i] ?? ''];
      if (flag === undefined) throw composeUsage({ message: `unknown shorthand flag: '${word[i]}' in ${word}` });
      const more = word.slice(i + 1);
      const takesValue = RULES[flag]?.kind !== 'switch';
      take(flag, takesValue && more !== '' ? more.replace(/^=/, '') : undefined, word);
      if (takesValue) break;
    }
  }
  const [image, ...command] = rest;
  if (image === undefined) throw composeUsage({ message: 'the command names no image' });
  return { model: assemble(image, command, service, lists, check), ignored };
}

function assemble(
  image: string,
  command: readonly string[],
  said: Record<string, unknown>,
  lists: Record<string, string[]>,
  check: Record<string, unknown>,
): Record<string, unknown> {
  const { network, ip, stop_timeout: grace, log_driver: driver, no_healthcheck: unchecked, ...plain } = said;
  const { aliases, log_opt: logOptions, ulimit, mount, volumes, ...listed } = lists;
  const service: Record<string, unknown> = { image, ...plain, ...listed };
  if (command.length > 0) service['command'] = command;
  const mounts = [...(volumes ?? []), ...(mount ?? []).map(longMount)];
  if (mounts.length > 0) service['volumes'] = mounts;
  if (typeof grace === 'string') service['stop_grace_period'] = `${grace}s`;
  if (driver !== undefined || logOptions)
    service['logging'] = {
      ...(driver === undefined ? {} : { driver }),
      ...(logOptions ? { options: pairs(logOptions) } : {}),
    };
  if (ulimit) service['ulimits'] = Object.fromEntries(ulimit.map(limit));
  if (unchecked === true) service['healthcheck'] = { disable: true };
  else if (Object.keys(check).length > 0) service['healthcheck'] = check;
  const model: Record<string, unknown> = { services: { [nameFor(image, said)]: service } };
  const named = mounts.flatMap((m) => {
    const source =
      typeof m === 'string'
        ? m.includes(':')
          ? m.split(':')[0]
          : undefined
        : m['type'] === 'volume'
          ? m['source']
          : undefined;
    return source === undefined || /^[./~]/.test(source) ? [] : [source];
  });
  if (named.length > 0) model['volumes'] = Object.fromEntries(named.map((n) => [n, {}]));
  if (typeof network === 'string' && network !== 'bridge') {
    if (/^(host|none|container:)/.test(network)) service['network_mode'] = network;
    else {
      const settings = { ...(aliases ? { aliases } : {}), ...(ip === undefined ? {} : { ipv4_address: ip }) };
      service['networks'] = Object.keys(settings).length > 0 ? { [network]: settings } : [network];
      model['networks'] = { [network]: { external: true } };
    }
  }
  return model;
}

/** The container's name, or the last word of the image's. */
function nameFor(image: string, said: Readonly<Record<string, unknown>>): string {
  const name = said['container_name'];
  if (typeof name === 'string') return name;
  return image.replace(/@.*$/, '').replace(/^.*\//, '').replace(/:.*$/, '');
}

function pairs(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(list.map((p) => [p.split('=')[0] ?? p, p.split('=').slice(1).join('=')]));
}

function limit(text: string): [string, number | { soft: number; hard: number }] {
  const [name = '', range = ''] = text.split('=');
  const [soft = '0', hard] = range.split(':');
  return [name, hard === undefined ? Number(soft) : { soft: Number(soft), hard: Number(hard) }];
}

/** `type=bind,src=/a,dst=/b,readonly` */
function longMount(text: string): Record<string, string> {
  const found: Record<string, string> = { type: 'volume' };
  for (const part of text.split(',')) {
    const [key = '', given = ''] = part.split('=');
    if (key === 'src' || key === 'source') found['source'] = given;
    else if (key === 'dst' || key === 'destination' || key === 'target') found['target'] = given;
    else if (key === 'readonly' || key === 'ro') found['read_only'] = given === '' ? 'true' : given;
    else if (key === 'type') found['type'] = given;
  }
  return found;
}
