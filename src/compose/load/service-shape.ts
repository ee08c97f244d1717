import { didYouMean } from '../../core/nearest.ts';
import type {
  BlkioConfig,
  BlkioDevice,
  Build,
  Dependency,
  Deploy,
  Device,
  EnvFile,
  Extends,
  FileReference,
  Healthcheck,
  Logging,
  NetworkAttachment,
  Port,
  Service,
  ServiceVolume,
  UlimitSetting,
} from '../model/service.ts';
import { parsePort, PortError, range } from './short-ports.ts';
import { isIP } from './ip-address.ts';
import { cleanTarget, parseVolume, resolveHostPath, VolumeError } from './short-volumes.ts';
import type { Shape, Where } from './shape.ts';
import {
  anything,
  below,
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
import { ShellWordsError, splitWords } from './shell-words.ts';
import type { Tree } from './tree.ts';
import { isNull } from './tree.ts';

/** A string is split into words, a list is taken as it is. */
const command: Shape<string[]> = {
  read(tree, where) {
    if (tree.kind === 'list') return list(text).read(tree, where);
    if (tree.kind !== 'scalar' || typeof tree.value !== 'string')
      throw wrong(tree, where, 'a string or a list of strings');
    try {
      const { words, stoppedAt } = splitWords(tree.value);
      if (stoppedAt !== undefined) {
        where.warn(
          `${where.path}: no shell runs this command, everything from "${stoppedAt}" on is ignored; to use shell operators write: sh -c '…'`,
        );
      }
      return words;
    } catch (e) {
      if (e instanceof ShellWordsError) throw invalidAt(tree, `${where.path}: ${e.message}: a quote is not closed`);
      throw e;
    }
  },
};

/** A path on the host, made absolute. */
const path: Shape<string> = {
  read: (tree, where) => guarded(tree, where, () => resolveHostPath(string.read(tree, where), where)),
};

/** A build context: a path, or a URL as it is. */
const context: Shape<string> = {
  read(tree, where) {
    const written = string.read(tree, where);
    const remote = /^(https?:\/\/|git:\/\/|git@|ssh:\/\/|github\.com\/|docker-image:|oci-layout:|service:)/.test(
      written,
    );
    return remote ? written : path.read(tree, where);
  },
};

const port: Shape<Port[]> = {
  read(tree, where) {
    if (tree.kind === 'map') {
      const one = longPort.read(tree, where);
      if (one.host_ip !== undefined && isIP(one.host_ip) === 0)
        throw invalidAt(tree, `${where.path}.host_ip: Invalid ip address: ${one.host_ip}`);
      return [{ ...one, mode: one.mode ?? 'ingress', protocol: one.protocol ?? 'tcp' }];
    }
    const spec = text.read(tree, where);
    try {
      return parsePort(spec);
    } catch (e) {
      if (!(e instanceof PortError)) throw e;
      throw invalidAt(
        tree,
        `${where.path}: ${e.message}`,
        'expected [HOST_IP:][HOST_PORT:]CONTAINER_PORT[/tcp|udp|sctp], such as "8080:80"',
      );
    }
  },
};
const publishedPort: Shape<string> = {
  read(tree, where) {
    const written = text.read(tree, where);
    if (written !== '' && !range(written)) throw invalidAt(tree, `${where.path}: Invalid hostPort: ${written}`);
    return written;
  },
};
const targetPort: Shape<number> = {
  read(tree, where) {
    const value = integer.read(tree, where);
    if (value < 1 || value > 65_535) throw invalidAt(tree, `${where.path}: Invalid containerPort: ${value}`);
    return value;
  },
};
const longPort = object<Partial<Port> & { target: number }>({
  name: string,
  mode: string,
  host_ip: string,
  target: targetPort,
  published: publishedPort,
  protocol: string,
  app_protocol: string,
});
const ports: Shape<Port[]> = {
  read(tree, where) {
    if (tree.kind !== 'list')
      throw wrong(tree, where, 'a list', tree.kind === 'scalar' ? `write "- ${tree.source}" below it` : undefined);
    return tree.items.flatMap((item, i) => {
      const at = { ...where, path: `${where.path}[${i}]` };
      const found = port.read(item, at);
      if (item.kind === 'map' && !item.entries.has('target')) {
        throw invalidAt(
          item,
          `${at.path} needs "target"`,
          'target, published and protocol of one port belong under one "-"',
        );
      }
      return found;
    });
  },
};

const volumeType = oneOf('bind', 'volume', 'tmpfs', 'image', 'npipe', 'cluster');
const longVolume = object<Omit<ServiceVolume, 'target'> & { target: string }>(
  {
    type: volumeType,
    source: string,
    target: string,
    read_only: boolean,
    consistency: string,
    bind: object<NonNullable<ServiceVolume['bind']>>({
      propagation: string,
      create_host_path: boolean,
      recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'),
      selinux: oneOf('z', 'Z'),
    }),
    volume: object<NonNullable<ServiceVolume['volume']>>({ nocopy: boolean, subpath: string, labels }),
    tmpfs: object<NonNullable<ServiceVolume['tmpfs']>>({ size: bytes, mode: integer }),
    image: object<NonNullable<ServiceVolume['image']>>({ subpath: string }),
  },
  ['type', 'target'],
);
const volume: Shape<ServiceVolume> = {
  read(tree, where) {
    return guarded(tree, where, () => {
      if (tree.kind === 'scalar') return parseVolume(text.read(tree, where), where);
      const long = longVolume.read(tree, where);
      const target = cleanTarget(long.target);
      if (long.type === 'bind') {
        if (long.source === undefined)
          throw invalidAt(tree, `${where.path} needs "source": a bind mount is of a path on this host`);
        return {
          ...long,
          target,
          source: resolveHostPath(long.source, where),
          bind: { create_host_path: true, ...long.bind },
        };
      }
      if (long.type === 'volume') return { ...long, target, volume: long.volume ?? {} };
      return { ...long, target };
    });
  },
};
const volumes: Shape<ServiceVolume[]> = {
  read(tree, where) {
    const found = list(volume).read(tree, where);
    if (tree.kind === 'list') {
      for (const [i, one] of found.entries()) {
        const item = tree.items[i];
        if (item && one.source !== undefined) where.note(`${where.path}:${one.source}`, item.at);
      }
    }
    return found;
  },
};

const dependsOn: Shape<Record<string, Dependency>> = {
  read(tree, where) {
    if (tree.kind === 'list') {
      return Object.fromEntries(
        tree.items.map((item, i) => {
          const name = string.read(item, { ...where, path: `${where.path}[${i}]` });
          where.note(`${where.path}.${name}`, item.at);
          return [name, { condition: 'service_started', required: true } satisfies Dependency];
        }),
      );
    }
    if (tree.kind !== 'map')
      throw wrong(
        tree,
        where,
        'a list of services, or a map of them',
        tree.kind === 'scalar' ? `write "- ${tree.source}" on a line of its own below it` : undefined,
      );
    const found: Record<string, Dependency> = {};
    for (const [name, { at, value }] of tree.entries) {
      where.note(`${where.path}.${name}`, at);
      const inner = below(where, name);
      found[name] = isNull(value)
        ? { condition: 'service_started', required: true }
        : { required: true, ...dependency.read(value, inner) };
    }
    return found;
  },
};
const dependency = object<Omit<Dependency, 'required'> & { required?: boolean }>(
  {
    condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully'),
    restart: boolean,
    required: boolean,
  },
  ['condition'],
);

const attachment = object<NetworkAttachment>({
  aliases: list(string),
  driver_opts: labels,
  gw_priority: integer,
  interface_name: string,
  ipv4_address: string,
  ipv6_address: string,
  link_local_ips: list(string),
  mac_address: string,
  priority: integer,
});
const networks: Shape<Record<string, NetworkAttachment | null>> = {
  read(tree, where) {
    if (tree.kind === 'list') {
      return Object.fromEntries(
        tree.items.map((item, i) => {
          const name = string.read(item, { ...where, path: `${where.path}[${i}]` });
          where.note(`${where.path}.${name}`, item.at);
          return [name, null];
        }),
      );
    }
    if (tree.kind !== 'map')
      throw wrong(
        tree,
        where,
        'a list of networks, or a map of them',
        tree.kind === 'scalar' ? `write "- ${tree.source}" on a line of its own below it` : undefined,
      );
    const found: Record<string, NetworkAttachment | null> = {};
    for (const [name, { at, value }] of tree.entries) {
      where.note(`${where.path}.${name}`, at);
      found[name] = isNull(value) ? null : attachment.read(value, below(where, name));
    }
    return found;
  },
};

const envFile: Shape<EnvFile> = {
  read(tree, where) {
    const noted = (file: EnvFile): EnvFile => {
      where.note(`${where.path.replace(/\[\d+\]$/, '')}:${file.path}`, tree.at);
      return file;
    };
    if (tree.kind === 'scalar') return noted({ path: path.read(tree, where), required: true });
    const long = longEnvFile.read(tree, where);
    return noted({ required: true, ...long });
  },
};
const longEnvFile = object<Omit<EnvFile, 'required'> & { required?: boolean }>(
  { path, required: boolean, format: oneOf('raw') },
  ['path'],
);

function fileReference(target: (source: string) => string | undefined): Shape<FileReference> {
  return {
    read(tree, where) {
      const list = where.path.replace(/\[\d+\]$/, '');
      if (tree.kind === 'scalar') {
        const source = string.read(tree, where);
        where.note(`${list}:${source}`, tree.at);
        const at = target(source);
        return at === undefined ? { source } : { source, target: at };
      }
      const long = longReference.read(tree, where);
      where.note(`${list}:${long.source}`, tree.at);
      return long;
    },
  };
}
const longReference = object<FileReference>({ source: string, target: string, uid: text, gid: text, mode: integer }, [
  'source',
]);

const extraHosts: Shape<string[]> = {
  read(tree, where) {
    const entry = (host: string, ip: string): string => `${host.trim()}=${ip.trim().replace(/^\[(.*)\]$/, '$1')}`;
    if (tree.kind === 'map') {
      return [...tree.entries].flatMap(([host, { value }]) =>
        oneOrMany(string)
          .read(value, below(where, host))
          .map((ip) => entry(host, ip)),
      );
    }
    return list(string)
      .read(tree, where)
      .map((pair, i) => {
        const match = /^([^=:]+)[=:](.+)$/.exec(pair);
        if (!match)
          throw invalidAt(
            (tree.kind === 'list' && tree.items[i]) || tree,
            `${where.path}[${i}]: bad host name "${pair}"; expected HOST=IP`,
          );
        return entry(match[1] ?? '', match[2] ?? '');
      });
  },
};

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
const healthcheck: Shape<Healthcheck> = object<Healthcheck>({
  test: healthTest,
  timeout: duration,
  interval: duration,
  retries: integer,
  start_period: duration,
  start_interval: duration,
  disable: boolean,
});

const ulimits: Shape<Record<string, UlimitSetting>> = mapOf({
  read(tree, where) {
    return tree.kind === 'map'
      ? object<{ soft: number; hard: number }>({ soft: integer, hard: integer }, ['soft', 'hard']).read(tree, where)
      : integer.read(tree, where);
  },
});

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

const buildFields = object<Build>({
  context,
  dockerfile: string,
  dockerfile_inline: string,
  entitlements: list(string),
  args: pairs,
  provenance: anything,
  sbom: anything,
  ssh: anything,
  labels,
  cache_from: list(string),
  cache_to: list(string),
  no_cache: boolean,
  no_cache_filter: oneOrMany(string),
  additional_contexts: labels,
  pull: boolean,
  extra_hosts: extraHosts,
  isolation: string,
  network: string,
  target: string,
  secrets: list(fileReference(() => undefined)),
  shm_size: bytes,
  tags: list(string),
  ulimits,
  platforms: list(string),
  privileged: boolean,
});
const build: Shape<Build> = {
  read: (tree, where) =>
    tree.kind === 'scalar' ? { context: context.read(tree, where) } : buildFields.read(tree, where),
};

const deploy = object<Deploy>({
  mode: string,
  replicas: integer,
  labels,
  update_config: anything,
  rollback_config: anything,
  placement: anything,
  endpoint_mode: string,
  resources: object<NonNullable<Deploy['resources']>>({
    limits: object({ cpus: number, memory: bytes, pids: integer }),
    reservations: object({ cpus: number, memory: bytes, generic_resources: anything, devices: anything }),
  }),
  restart_policy: object<NonNullable<Deploy['restart_policy']>>({
    condition: oneOf('none', 'on-failure', 'any'),
    delay: duration,
    max_attempts: integer,
    window: duration,
  }),
});

const restart: Shape<string> = {
  read(tree, where) {
    if (tree.kind === 'scalar' && tree.value === false) return 'no';
    const written = string.read(tree, where);
    if (!/^(no|always|unless-stopped|on-failure(:\d+)?)$/.test(written)) {
      const words = ['no', 'always', 'on-failure', 'unless-stopped'];
      throw invalidAt(
        tree,
        `${where.path}: invalid restart policy "${written}"; expected no, always, on-failure[:n] or unless-stopped${didYouMean(written, words)}`,
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
      );
    }
    return name;
  },
};

const imageName: Shape<string> = {
  read(tree, where) {
    const name = string.read(tree, where);
    if (/\s/.test(name)) throw invalidAt(tree, `${where.path}: "${name}" is no image name: it has a space in it`);
    return name;
  },
};

const pullPolicy: Shape<string> = {
  read(tree, where) {
    const written = string.read(tree, where);
    if (!/^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$/.test(written)) {
      throw invalidAt(
        tree,
        `${where.path}: unknown pull policy "${written}"${didYouMean(written, ['always', 'never', 'build', 'missing', 'if_not_present'])}`,
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

/** Reads one service of a file. */
export const serviceShape: Shape<Service> = object<Service>({
  profiles: list(string),
  annotations: labels,
  attach: boolean,
  build,
  develop: anything,
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
  configs: list(fileReference((s) => `/${s}`)),
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
  provider: anything,
  environment: pairs,
  env_file: oneOrMany(envFile),
  expose,
  extends: extendsShape,
  external_links: uniqueList(string),
  extra_hosts: extraHosts,
  group_add: uniqueList(text),
  gpus: anything,
  hostname: string,
  healthcheck,
  image: imageName,
  init: boolean,
  ipc: string,
  isolation: string,
  labels,
  label_file: oneOrMany(path),
  links: uniqueList(string),
  logging: object<Logging>({ driver: string, options: labels }),
  mem_limit: bytes,
  mem_reservation: bytes,
  memswap_limit: bytes,
  mem_swappiness: integer,
  mac_address: string,
  models: anything,
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
  post_start: anything,
  pre_stop: anything,
});

function guarded<T>(tree: Tree, where: Where, read: () => T): T {
  try {
    return read();
  } catch (e) {
    if (e instanceof VolumeError) throw invalidAt(tree, `${where.path}: ${e.message}`);
    throw e;
  }
}
