import { didYouMean } from '../../core/nearest.ts';
import type {
  BlkioConfig,
  BlkioDevice,
  Deploy,
  Device,
  Extends,
  Healthcheck,
  Logging,
  ModelBinding,
  Provider,
  Service,
  UpdateConfig,
} from '../model/service.ts';
import { range } from './short-ports.ts';
import type { Tree } from './tree.ts';
import { isNull } from './tree.ts';
import type { Shape, Where } from './shape.ts';
import {
  anything,
  boolean,
  bytes,
  duration,
  integer,
  invalidAt,
  labels,
  list,
  mapOf,
  number,
  object,
  oneOf,
  oneOrMany,
  pairs,
  string,
  text,
  uniqueList,
  wrong,
} from './shape.ts';
import { build, ulimits } from './build-shape.ts';
import { path } from './host-path.ts';
import { deviceRequests, gpus } from './device-shapes.ts';
import { develop, hook } from './hook-shapes.ts';
import { command } from './command-shape.ts';
import { dependsOn, networks, envFile, extraHosts, fileReference } from './link-shapes.ts';
import { ports, volumes } from './port-volume-shapes.ts';

const healthTest: Shape<string[]> = {
  read(tree, where) {
    if (tree.kind === 'scalar') return ['CMD-SHELL', string.read(tree, where)];
    const test = list(text).read(tree, where);
    const kind = test[0];
    if (kind !== undefined && !['CMD', 'CMD-SHELL', 'NONE'].includes(kind)) {
      throw invalidAt(
        tree,
        'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"',
        `write test: ["CMD", ${test.map((t) => JSON.stringify(t)).join(', ')}]`,
      );
    }
    return test;
  },
};
const healthcheckFields = object<Healthcheck>({
  test: healthTest,
  timeout: duration,
  interval: duration,
  retries: integer,
  start_period: duration,
  start_interval: duration,
  disable: boolean,
});
const healthcheck: Shape<Healthcheck> = {
  read(tree, where) {
    if (tree.kind === 'scalar' && tree.value !== null) {
      const off = /^(none|false|off|disabled?)$/i.test(tree.source);
      const said = off ? 'disable: true' : `test: ${tree.source}`;
      throw wrong(tree, where, 'a map', `write "${said}" on a line of its own below it`);
    }
    return healthcheckFields.read(tree, where);
  },
};

const devices: Shape<Device[]> = list({
  read(tree, where) {
    if (tree.kind === 'map') {
      const long = object<Partial<Device>>({ source: string, target: string, permissions: string }, ['source']).read(
        tree,
        where,
      );
      const source = long.source ?? '';
      return { source, target: long.target ?? source, permissions: long.permissions ?? 'rwm' };
    }
    const [source = '', target = source, permissions = 'rwm'] = string.read(tree, where).split(':');
    return { source, target, permissions };
  },
});

/** A list of `{path, rate}`: both are always written. */
const rates: Shape<BlkioDevice[]> = list(object<BlkioDevice>({ path: string, weight: integer, rate: bytes }, ['path']));
const blkio = object<BlkioConfig>({
  weight: integer,
  weight_device: rates,
  device_read_bps: rates,
  device_read_iops: rates,
  device_write_bps: rates,
  device_write_iops: rates,
});

const updateConfig = object<UpdateConfig>({
  parallelism: integer,
  delay: duration,
  failure_action: string,
  monitor: duration,
  max_failure_ratio: number,
  order: oneOf('start-first', 'stop-first'),
});
const deploy = object<Deploy>({
  mode: string,
  replicas: integer,
  labels,
  update_config: updateConfig,
  rollback_config: updateConfig,
  placement: anything,
  endpoint_mode: string,
  resources: object<NonNullable<Deploy['resources']>>({
    limits: object({ cpus: number, memory: bytes, pids: integer }),
    reservations: object({ cpus: number, memory: bytes, generic_resources: anything, devices: deviceRequests }),
  }),
  restart_policy: object<NonNullable<Deploy['restart_policy']>>(
    {
      condition: oneOf('none', 'on-failure', 'any'),
      delay: duration,
      max_attempts: integer,
      window: duration,
    },
    [],
    'condition',
  ),
});

const restart: Shape<string> = {
  read(tree, where) {
    if (tree.kind === 'scalar' && tree.value === false) return 'no';
    const always = 'write always, or unless-stopped';
    if (tree.kind === 'scalar' && tree.value === true) throw wrong(tree, where, 'a string', always);
    const written = string.read(tree, where);
    if (!/^(no|always|unless-stopped|on-failure(:\d+)?)$/.test(written)) {
      const words = ['no', 'always', 'on-failure', 'unless-stopped'];
      throw invalidAt(
        tree,
        `${where.path}: invalid restart policy "${written}"; expected no, always, on-failure[:n] or unless-stopped${didYouMean(written, words)}`,
        /^(yes|on|y)$/i.test(written) ? always : undefined,
      );
    }
    return written;
  },
};

const containerName: Shape<string> = {
  read(tree, where) {
    const name = string.read(tree, where);
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
      throw invalidAt(
        tree,
        `${where.path} does not match '^[a-zA-Z0-9][a-zA-Z0-9_.-]+$': "${name}" is no container name`,
        'use two or more letters, digits, "_", "." and "-", the first one a letter or digit',
      );
    }
    return name;
  },
};

const imageName: Shape<string> = {
  read(tree, where) {
    const name = string.read(tree, where);
    if (/\s/.test(name))
      throw invalidAt(
        tree,
        `${where.path}: "${name}" is no image name: it has a space in it`,
        name.includes(' //') ? 'a comment begins with #' : undefined,
      );
    return name;
  },
};

const pullPolicy: Shape<string> = {
  read(tree, where) {
    const written = string.read(tree, where);
    if (!/^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$/.test(written)) {
      throw invalidAt(
        tree,
        `${where.path}: unknown pull policy "${written}"; expected always, missing, never, build, daily, weekly or every_12h${didYouMean(written, ['always', 'never', 'build', 'missing', 'if_not_present'])}`,
      );
    }
    return written;
  },
};

const extendsShape: Shape<Extends> = {
  read: (tree, where) =>
    tree.kind === 'scalar'
      ? { service: string.read(tree, where) }
      : object<Extends>({ service: string, file: path }, ['service']).read(tree, where),
};

const expose: Shape<string[]> = list({
  read(tree: Tree, where: Where) {
    const written = text.read(tree, where);
    if (!range(written.replace(/\/[a-z]+$/, '')))
      throw invalidAt(tree, `${where.path}: "${written}" is no port; expected PORT[-PORT][/PROTOCOL]`);
    return written;
  },
});

/** `microseconds` as a number or a duration. */
const microseconds: Shape<number> = {
  read: (tree, where) =>
    tree.kind === 'scalar' && typeof tree.value === 'string' && !/^\d+$/.test(tree.value)
      ? duration.read(tree, where) / 1000
      : integer.read(tree, where),
};

const provider = object<Provider>({ type: string, options: mapOf(oneOrMany(text)) }, ['type']);
const models: Shape<NonNullable<Service['models']>> = {
  read(tree, where) {
    if (tree.kind === 'list')
      return Object.fromEntries(
        list(string)
          .read(tree, where)
          .map((name) => [name, null]),
      );
    return mapOf<ModelBinding | null>({
      read: (value, at) =>
        isNull(value) ? null : object<ModelBinding>({ endpoint_var: string, model_var: string }).read(value, at),
    }).read(tree, where);
  },
};

/** Reads one service of a file. */
export const serviceShape: Shape<Service> = object<Service>({
  profiles: list(string),
  annotations: labels,
  attach: boolean,
  build,
  develop,
  blkio_config: blkio,
  cap_add: uniqueList(string),
  cap_drop: uniqueList(string),
  cgroup_parent: string,
  cgroup: oneOf('host', 'private'),
  cpu_count: integer,
  cpu_percent: number,
  cpu_period: microseconds,
  cpu_quota: microseconds,
  cpu_rt_period: microseconds,
  cpu_rt_runtime: microseconds,
  cpus: number,
  cpuset: string,
  cpu_shares: integer,
  command,
  configs: list(fileReference(() => undefined)),
  container_name: containerName,
  credential_spec: anything,
  depends_on: dependsOn,
  deploy,
  device_cgroup_rules: uniqueList(string),
  devices,
  dns: oneOrMany(string),
  dns_opt: list(string),
  dns_search: oneOrMany(string),
  domainname: string,
  entrypoint: command,
  provider,
  environment: pairs,
  env_file: oneOrMany(envFile),
  expose,
  extends: extendsShape,
  external_links: uniqueList(string),
  extra_hosts: extraHosts,
  group_add: uniqueList(text),
  gpus,
  hostname: string,
  healthcheck,
  image: imageName,
  init: boolean,
  ipc: string,
  isolation: string,
  labels,
  label_file: oneOrMany(path),
  links: uniqueList(string),
  logging: object<Logging>({ driver: string, options: labels }, [], 'driver'),
  mem_limit: bytes,
  mem_reservation: bytes,
  memswap_limit: bytes,
  mem_swappiness: integer,
  mac_address: string,
  models,
  network_mode: string,
  networks,
  oom_kill_disable: boolean,
  oom_score_adj: integer,
  pid: string,
  pids_limit: integer,
  platform: string,
  ports,
  privileged: boolean,
  pull_policy: pullPolicy,
  pull_refresh_after: string,
  read_only: boolean,
  restart,
  runtime: string,
  scale: integer,
  secrets: list(fileReference((s) => `/run/secrets/${s}`)),
  security_opt: uniqueList(string),
  shm_size: bytes,
  stdin_open: boolean,
  stop_grace_period: duration,
  stop_signal: string,
  storage_opt: labels,
  sysctls: labels,
  tmpfs: oneOrMany(string),
  tty: boolean,
  ulimits,
  use_api_socket: boolean,
  user: string,
  userns_mode: string,
  uts: string,
  volumes,
  volumes_from: uniqueList(string),
  working_dir: string,
  pre_start: anything,
  post_start: list(hook),
  pre_stop: list(hook),
});
