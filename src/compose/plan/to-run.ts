import { formatDuration } from '../load/units.ts';
import type { Project } from '../model/project.ts';
import type { Healthcheck, Service } from '../model/service.ts';
import { containerName, imageName } from './names.ts';

/** A `docker run` command line that makes a container like the service's first. Its networks have to be there. */
export function toRun(project: Project, name: string, service: Service): string {
  const words: string[] = ['run', '-d', '--name', containerName(project, name, service, 1)];
  const add = (flag: string, value: string | number | undefined): void => {
    if (value !== undefined) words.push(flag, String(value));
  };
  const all = (flag: string, values: readonly (string | number)[] | undefined): void => {
    for (const value of values ?? []) words.push(flag, String(value));
  };
  const turn = (flag: string, on: boolean | undefined): void => {
    if (on) words.push(flag);
  };
  const map = (flag: string, values: Readonly<Record<string, string | null>> | undefined): void => {
    for (const [k, v] of Object.entries(values ?? {})) words.push(flag, v === null ? k : `${k}=${v}`);
  };
  if (service.network_mode !== undefined) add('--network', service.network_mode);
  for (const [key, settings] of Object.entries(service.networks ?? {})) {
    const network = project.networks[key]?.name ?? `${project.name}_${key}`;
    const aliases = [name, ...(settings?.aliases ?? [])].map((a) => `,alias=${a}`).join('');
    const ip = settings?.ipv4_address === undefined ? '' : `,ip=${settings.ipv4_address}`;
    words.push('--network', `name=${network}${aliases}${ip}`);
  }
  map('-e', service.environment);
  map('-l', service.labels);
  for (const p of service.ports ?? [])
    words.push(
      '-p',
      `${p.host_ip === undefined ? '' : `${p.host_ip}:`}${p.published === undefined ? (p.host_ip === undefined ? '' : ':') : `${p.published}:`}${p.target}${p.protocol === 'tcp' ? '' : `/${p.protocol}`}`,
    );
  all('--expose', service.expose);
  for (const v of service.volumes ?? []) {
    const source =
      v.type === 'volume' && v.source !== undefined ? (project.volumes[v.source]?.name ?? v.source) : v.source;
    if (v.type === 'tmpfs') add('--tmpfs', v.target);
    else if (v.type === 'bind' || v.type === 'volume')
      words.push('-v', `${source === undefined ? '' : `${source}:`}${v.target}${v.read_only ? ':ro' : ''}`);
    else words.push('--mount', `type=${v.type},src=${source ?? ''},dst=${v.target}`);
  }
  for (const kind of ['secrets', 'configs'] as const)
    for (const { source, target = `/${source}` } of service[kind] ?? []) {
      const file = project[kind][source]?.file;
      if (file !== undefined) words.push('-v', `${file}:${target}:ro`);
    }
  all('--tmpfs', service.tmpfs);
  all('--cap-add', service.cap_add);
  all('--cap-drop', service.cap_drop);
  all('--security-opt', service.security_opt);
  all('--group-add', service.group_add);
  all('--dns', service.dns);
  all(
    '--add-host',
    service.extra_hosts?.map((h) => h.replace('=', ':')),
  );
  all(
    '--device',
    service.devices?.map((d) => `${d.source}:${d.target}:${d.permissions}`),
  );
  map('--sysctl', service.sysctls);
  for (const [k, u] of Object.entries(service.ulimits ?? {}))
    words.push('--ulimit', `${k}=${typeof u === 'number' ? u : `${u.soft}:${u.hard}`}`);
  add('--hostname', service.hostname);
  add('--user', service.user);
  add('--workdir', service.working_dir);
  if (service.restart !== 'no') add('--restart', service.restart);
  add('--memory', service.deploy?.resources?.limits?.memory ?? service.mem_limit);
  add('--cpus', service.deploy?.resources?.limits?.cpus ?? service.cpus);
  add('--pids-limit', service.pids_limit);
  add('--shm-size', service.shm_size);
  add('--platform', service.platform);
  add('--runtime', service.runtime);
  add('--ipc', service.ipc);
  add('--pid', service.pid);
  add('--stop-signal', service.stop_signal);
  add(
    '--stop-timeout',
    service.stop_grace_period === undefined ? undefined : Math.ceil(service.stop_grace_period / 1e9),
  );
  add('--log-driver', service.logging?.driver);
  map('--log-opt', service.logging?.options);
  turn('--init', service.init);
  turn('--privileged', service.privileged);
  turn('--read-only', service.read_only);
  turn('-t', service.tty);
  turn('-i', service.stdin_open);
  if (service.healthcheck) health(service.healthcheck, add, turn);
  const [program, ...programArguments] = service.entrypoint ?? [];
  if (service.entrypoint) words.push('--entrypoint', program ?? '');
  words.push(imageName(project, name, service), ...programArguments, ...(service.command ?? []));
  return `docker ${words.map(quoted).join(' ')}`;
}

function health(
  check: Healthcheck,
  add: (flag: string, value: string | number | undefined) => void,
  turn: (flag: string, on: boolean | undefined) => void,
): void {
  turn('--no-healthcheck', check.disable);
  const [kind, ...test] = check.test ?? [];
  if (kind !== undefined && kind !== 'NONE')
    add('--health-cmd', kind === 'CMD' ? test.map(quoted).join(' ') : test.join(' '));
  const time = (value: number | undefined): string | undefined =>
    value === undefined ? undefined : formatDuration(value);
  add('--health-interval', time(check.interval));
  add('--health-timeout', time(check.timeout));
  add('--health-start-period', time(check.start_period));
  add('--health-retries', check.retries);
}

/** In single quotes where a shell would read something into it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
