import type {
  ContainerCreateRequest,
  HostConfig,
  MountPoint,
  MountRequest,
  PortMap,
  RestartPolicy,
} from '../../core/wire/container.ts';
import type { EndpointSettings } from '../../core/wire/network.ts';
import type { HealthConfig } from '../../core/oci.ts';
import { composeFailed } from '../errors.ts';
import { isTrue } from '../flags.ts';
import { convertWindowsPath } from '../load/short-volumes.ts';
import type { Project } from '../model/project.ts';
import type { FileReference, Healthcheck, Service, ServiceVolume } from '../model/service.ts';
import { deviceRequests, isNamedDevice, rates } from './device-requests.ts';
import { optional } from './optional.ts';
import { configHash } from './hash.ts';
import { containerLabels } from './labels.ts';
import { displayName, imageName } from './names.ts';

/** What is known about the image a container is made from. */
export interface ImageFacts {
  readonly id: string;
  /** Paths that its VOLUME instructions name. */
  readonly volumes: readonly string[];
}

export interface ContainerWish {
  readonly project: Project;
  readonly service: string;
  readonly definition: Service;
  readonly name: string;
  readonly number: number | undefined;
  readonly image: ImageFacts;
  /** Mounts of the container that this one replaces: anonymous volumes are carried over. */
  readonly inherited: readonly MountPoint[];
  /** IDs of a service's containers, lowest number first; for shared namespaces, links and `volumes_from`. */
  readonly containersOf: (service: string) => readonly { readonly id: string; readonly name: string }[];
  /** For one-off containers. */
  readonly oneOff?: {
    readonly slug: string;
    readonly useAliases: boolean;
    readonly autoRemove?: boolean;
    readonly attached?: boolean;
  };
  readonly extraLabels?: Readonly<Record<string, string>>;
  /** Path of the engine's socket on its host, for `use_api_socket`. */
  readonly apiSocket?: string | undefined;
}

/** The engine's request for one container of a service. Source: compose.md 3.4, 5.4, 5.5. */
export function createRequest(wish: ContainerWish): ContainerCreateRequest {
  const { definition: service, project } = wish;
  const exposed: Record<string, Record<string, never>> = {};
  for (const port of service.expose ?? []) for (const one of exposedPorts(port)) exposed[one] = {};
  for (const port of service.ports ?? []) exposed[`${port.target}/${port.protocol}`] = {};
  const endpoints = endpointsOf(wish);
  const environment = Object.entries(service.environment ?? {}).flatMap(([k, v]) => (v === null ? [] : [`${k}=${v}`]));
  return {
    ...optional('Hostname', service.hostname),
    ...optional('Domainname', service.domainname),
    ...optional('User', service.user),
    ...optional('WorkingDir', service.working_dir),
    ...optional('StopSignal', service.stop_signal),
    ...optional(
      'StopTimeout',
      service.stop_grace_period === undefined ? undefined : Math.ceil(service.stop_grace_period / 1e9),
    ),
    ...optional('Healthcheck', service.healthcheck && healthConfig(service.healthcheck)),
    ...optional('Cmd', service.command && [...service.command]),
    // An empty list would mean the image's own.
    ...optional('Entrypoint', service.entrypoint && (service.entrypoint.length === 0 ? [''] : [...service.entrypoint])),
    Image: imageName(project, wish.service, service),
    Tty: service.tty ?? false,
    OpenStdin: service.stdin_open ?? false,
    // The end of our input is the end of a one-off command's.
    StdinOnce: wish.oneOff?.attached === true && (service.stdin_open ?? false),
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Env: environment,
    ExposedPorts: exposed,
    Labels: {
      ...containerLabels(project, wish.service, service, {
        configHash: configHash(service),
        imageId: wish.image.id,
        number: wish.number,
        ...(wish.oneOff ? { slug: wish.oneOff.slug } : {}),
      }),
      ...wish.extraLabels,
    },
    HostConfig: { ...hostConfig(wish, endpoints), ...(wish.oneOff?.autoRemove ? { AutoRemove: true } : {}) },
    ...(endpoints.length > 0 ? { NetworkingConfig: { EndpointsConfig: Object.fromEntries(endpoints) } } : {}),
  };
}

/** Networks by name, the primary one first. */
function endpointsOf(wish: ContainerWish): [string, EndpointSettings][] {
  const { definition: service, project } = wish;
  if (service.network_mode !== undefined) return [];
  const attached = Object.entries(service.networks ?? {}).sort(
    ([a, x], [b, y]) => (y?.priority ?? 0) - (x?.priority ?? 0) || (a < b ? -1 : 1),
  );
  const links = linksOf(wish);
  const shared = !wish.oneOff || wish.oneOff.useAliases;
  return attached.map(([key, settings], i) => {
    const ipam = {
      ...optional('IPv4Address', settings?.ipv4_address),
      ...optional('IPv6Address', settings?.ipv6_address),
      ...optional('LinkLocalIPs', settings?.link_local_ips && [...settings.link_local_ips]),
    };
    const mac = settings?.mac_address ?? (i === 0 ? service.mac_address : undefined);
    const endpoint: EndpointSettings = {
      Aliases: [...new Set([wish.name, ...(shared ? [wish.service, ...(settings?.aliases ?? [])] : [])])],
      ...(links.length > 0 ? { Links: links } : {}),
      ...(Object.keys(ipam).length > 0 ? { IPAMConfig: ipam } : {}),
      ...optional('MacAddress', mac),
      ...optional('DriverOpts', settings?.driver_opts && { ...settings.driver_opts }),
      ...optional('GwPriority', settings?.gw_priority),
    };
    return [project.networks[key]?.name ?? `${project.name}_${key}`, endpoint];
  });
}

/** `container:alias` for `links` and `external_links`. */
function linksOf(wish: ContainerWish): string[] {
  const links = (wish.definition.links ?? []).flatMap((link) => {
    const [service = '', alias = service] = link.split(':');
    // As docker compose does it: the alias, the container's name, and the same without the project's.
    return wish
      .containersOf(service)
      .flatMap(({ name }) => [alias, displayName(wish.project.name, name), name].map((as) => `${name}:${as}`));
  });
  const external = (wish.definition.external_links ?? []).map((link) => {
    const [container = '', alias = container] = link.split(':');
    return `${container}:${alias}`;
  });
  return [...new Set([...links, ...external])];
}

function hostConfig(wish: ContainerWish, endpoints: readonly [string, EndpointSettings][]): HostConfig {
  const s = wish.definition;
  const limits = s.deploy?.resources?.limits;
  const reservations = s.deploy?.resources?.reservations;
  const cpus = limits?.cpus ?? s.cpus;
  const mounts = mountsOf(wish);
  const memory = limits?.memory ?? s.mem_limit;
  return {
    Binds: mounts.binds,
    Mounts: mounts.mounts,
    NetworkMode: s.network_mode === undefined ? (endpoints[0]?.[0] ?? 'none') : namespaceMode(s.network_mode, wish),
    PortBindings: portBindings(s),
    RestartPolicy: restartPolicy(s),
    ...optional('IpcMode', s.ipc === undefined ? undefined : namespaceMode(s.ipc, wish)),
    ...optional('PidMode', s.pid === undefined ? undefined : namespaceMode(s.pid, wish)),
    ...optional('UTSMode', s.uts === undefined ? undefined : namespaceMode(s.uts, wish)),
    ...optional('UsernsMode', s.userns_mode),
    ...optional('CgroupnsMode', s.cgroup),
    ...optional('CgroupParent', s.cgroup_parent),
    ...optional('CapAdd', s.cap_add && [...s.cap_add]),
    ...optional('CapDrop', s.cap_drop && [...s.cap_drop]),
    ...optional('Privileged', s.privileged),
    ...optional('ReadonlyRootfs', s.read_only),
    ...optional('SecurityOpt', s.security_opt && [...s.security_opt]),
    ...optional('Init', s.init),
    ...optional('Runtime', s.runtime),
    ...optional('ShmSize', s.shm_size),
    ...optional('Sysctls', s.sysctls && { ...s.sysctls }),
    ...optional('Tmpfs', s.tmpfs && tmpfs(s.tmpfs)),
    ...optional('Dns', s.dns && [...s.dns]),
    ...optional('DnsOptions', s.dns_opt && [...s.dns_opt]),
    ...optional('DnsSearch', s.dns_search && [...s.dns_search]),
    ...optional(
      'ExtraHosts',
      s.extra_hosts?.map((h) => h.replace('=', ':')),
    ),
    ...optional('GroupAdd', s.group_add && [...s.group_add]),
    ...optional('Annotations', s.annotations && { ...s.annotations }),
    ...optional('StorageOpt', s.storage_opt && { ...s.storage_opt }),
    ...optional('Isolation', s.isolation),
    ...optional('OomScoreAdj', s.oom_score_adj),
    ...optional('OomKillDisable', s.oom_kill_disable),
    ...optional('LogConfig', s.logging && { Type: s.logging.driver ?? '', Config: { ...s.logging.options } }),
    ...optional('Memory', memory),
    ...optional('MemoryReservation', reservations?.memory ?? s.mem_reservation),
    ...optional('MemorySwap', s.memswap_limit),
    ...optional('MemorySwappiness', s.mem_swappiness),
    ...optional('NanoCpus', cpus === undefined ? undefined : Math.round(cpus * 1e9)),
    ...optional('CpuShares', s.cpu_shares),
    ...optional('CpuPeriod', s.cpu_period),
    ...optional('CpuQuota', s.cpu_quota),
    ...optional('CpuRealtimePeriod', s.cpu_rt_period),
    ...optional('CpuRealtimeRuntime', s.cpu_rt_runtime),
    ...optional('CpusetCpus', s.cpuset),
    ...optional('PidsLimit', limits?.pids ?? s.pids_limit),
    ...optional('BlkioWeight', s.blkio_config?.weight),
    ...optional(
      'BlkioWeightDevice',
      s.blkio_config?.weight_device?.map((d) => ({ Path: d.path, Weight: d.weight ?? 0 })),
    ),
    ...optional('BlkioDeviceReadBps', rates(s.blkio_config?.device_read_bps)),
    ...optional('BlkioDeviceReadIOps', rates(s.blkio_config?.device_read_iops)),
    ...optional('BlkioDeviceWriteBps', rates(s.blkio_config?.device_write_bps)),
    ...optional('BlkioDeviceWriteIOps', rates(s.blkio_config?.device_write_iops)),
    ...optional('DeviceRequests', deviceRequests(s)),
    ...optional('DeviceCgroupRules', s.device_cgroup_rules && [...s.device_cgroup_rules]),
    ...optional(
      'Devices',
      s.devices
        ?.filter((d) => !isNamedDevice(d.source))
        .map((d) => ({ PathOnHost: d.source, PathInContainer: d.target, CgroupPermissions: d.permissions })),
    ),
    ...optional(
      'Ulimits',
      s.ulimits &&
        Object.entries(s.ulimits).map(([Name, u]) =>
          typeof u === 'number' ? { Name, Soft: u, Hard: u } : { Name, Soft: u.soft, Hard: u.hard },
        ),
    ),
    ...optional('VolumesFrom', s.volumes_from && volumesFrom(s.volumes_from, wish)),
  };
}

function namespaceMode(mode: string, wish: ContainerWish): string {
  if (!mode.startsWith('service:')) return mode;
  return `container:${firstContainer(mode.slice('service:'.length), wish)}`;
}

function volumesFrom(froms: readonly string[], wish: ContainerWish): string[] {
  return froms.map((from) => {
    if (from.startsWith('container:')) return from.slice('container:'.length);
    const [service = '', mode] = from.split(':');
    return `${firstContainer(service, wish)}${mode === undefined ? '' : `:${mode}`}`;
  });
}

function firstContainer(service: string, wish: ContainerWish): string {
  const first = wish.containersOf(service)[0];
  if (!first)
    throw composeFailed({
      message: `service "${wish.service}" needs a container of service "${service}", which has none`,
    });
  return first.id;
}

function portBindings(service: Service): PortMap {
  const bindings: PortMap = {};
  for (const port of service.ports ?? []) {
    const key = `${port.target}/${port.protocol}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp: port.host_ip ?? '', HostPort: port.published ?? '' }];
  }
  return bindings;
}

/** `80-82/udp` as single ports. */
function exposedPorts(text: string): string[] {
  const [ports = '', protocol = 'tcp'] = text.split('/');
  const [first = 0, last = first] = ports.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}

function restartPolicy(service: Service): RestartPolicy {
  const policy = service.deploy?.restart_policy;
  if (policy) {
    const attempts = policy.max_attempts ?? 0;
    if (policy.condition === 'none') return { Name: 'no' };
    if (policy.condition === 'on-failure') return { Name: 'on-failure', MaximumRetryCount: attempts };
    return { Name: 'always' };
  }
  const [name, count] = (service.restart ?? 'no').split(':');
  return { Name: name as RestartPolicy['Name'], ...(count === undefined ? {} : { MaximumRetryCount: Number(count) }) };
}

function tmpfs(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const colon = entry.indexOf(':');
      return colon < 0 ? [entry, ''] : [entry.slice(0, colon), entry.slice(colon + 1)];
    }),
  );
}

/** `undefined` fields are the image's. */
function healthConfig(check: Healthcheck): HealthConfig {
  if (check.disable) return { Test: ['NONE'] };
  return {
    ...optional('Test', check.test && [...check.test]),
    ...optional('Interval', check.interval),
    ...optional('Timeout', check.timeout),
    ...optional('Retries', check.retries),
    ...optional('StartPeriod', check.start_period),
    ...optional('StartInterval', check.start_interval),
  };
}

function mountsOf(wish: ContainerWish): { binds: string[]; mounts: MountRequest[] } {
  const { definition: service, project } = wish;
  const binds: string[] = [];
  const mounts: MountRequest[] = [];
  const declared = new Set<string>();
  const converts = isTrue(project.environment['COMPOSE_CONVERT_WINDOWS_PATHS']);
  for (const said of service.volumes ?? []) {
    const volume =
      converts && said.type === 'bind' && said.source !== undefined
        ? { ...said, source: convertWindowsPath(said.source) }
        : said;
    const carried =
      volume.type === 'volume' && volume.source === undefined ? carriedOver(volume.target, wish) : undefined;
    declared.add(volume.target);
    if (carried !== undefined)
      mounts.push({ Type: 'volume', Source: carried, Target: volume.target, ReadOnly: volume.read_only ?? false });
    else if (fitsBind(volume))
      binds.push(bindText(volume, volume.type === 'bind' ? (volume.source ?? '') : volumeName(project, volume.source)));
    else mounts.push(mountRequest(volume, project));
  }
  for (const target of wish.image.volumes) {
    if (declared.has(target)) continue;
    const carried = carriedOver(target, wish);
    if (carried !== undefined) mounts.push({ Type: 'volume', Source: carried, Target: target });
  }
  if (service.use_api_socket && wish.apiSocket !== undefined)
    mounts.push({ Type: 'bind', Source: wish.apiSocket, Target: '/var/run/docker.sock' });
  for (const reference of service.secrets ?? []) mounts.push(...fileMount('secrets', reference, wish));
  for (const reference of service.configs ?? []) mounts.push(...fileMount('configs', reference, wish));
  return { binds, mounts };
}

/** The anonymous volume that the replaced container had at this path. */
function carriedOver(target: string, wish: ContainerWish): string | undefined {
  return wish.inherited.find((m) => m.Type === 'volume' && m.Destination === target)?.Name;
}

/** The short form makes a missing folder on the host; the long one can say more, but refuses a missing one. */
function fitsBind(volume: ServiceVolume): boolean {
  if (volume.type === 'volume')
    return volume.source !== undefined && volume.volume?.subpath === undefined && volume.volume?.labels === undefined;
  if (volume.type !== 'bind') return false;
  return volume.bind?.create_host_path !== false && volume.bind?.recursive === undefined;
}

function bindText(volume: ServiceVolume, source: string): string {
  const options = [
    volume.read_only ? 'ro' : 'rw',
    ...(volume.bind?.propagation === undefined ? [] : [volume.bind.propagation]),
    ...(volume.bind?.selinux === undefined ? [] : [volume.bind.selinux]),
    ...(volume.volume?.nocopy ? ['nocopy'] : []),
  ];
  return `${source}:${volume.target}:${options.join(',')}`;
}

function volumeName(project: Project, key: string | undefined): string {
  return (key === undefined ? undefined : project.volumes[key]?.name) ?? `${project.name}_${key ?? ''}`;
}

function mountRequest(volume: ServiceVolume, project: Project): MountRequest {
  const common = {
    Target: volume.target,
    ...optional('ReadOnly', volume.read_only),
    ...optional('Consistency', volume.consistency),
  };
  switch (volume.type) {
    case 'bind':
      return {
        ...common,
        Type: 'bind',
        Source: volume.source ?? '',
        BindOptions: {
          ...optional('Propagation', volume.bind?.propagation),
          CreateMountpoint: volume.bind?.create_host_path ?? true,
          ...(volume.bind?.recursive === 'disabled' ? { NonRecursive: true } : {}),
          ...(volume.bind?.recursive === 'writable' ? { ReadOnlyNonRecursive: true } : {}),
          ...(volume.bind?.recursive === 'readonly' ? { ReadOnlyForceRecursive: true } : {}),
        },
      };
    case 'tmpfs':
      return {
        ...common,
        Type: 'tmpfs',
        TmpfsOptions: { ...optional('SizeBytes', volume.tmpfs?.size), ...optional('Mode', volume.tmpfs?.mode) },
      };
    case 'volume':
      return {
        ...common,
        Type: 'volume',
        ...(volume.source === undefined ? {} : { Source: volumeName(project, volume.source) }),
        VolumeOptions: {
          ...optional('NoCopy', volume.volume?.nocopy),
          ...optional('Subpath', volume.volume?.subpath),
          ...optional('Labels', volume.volume?.labels && { ...volume.volume.labels }),
        },
      };
    default:
      return {
        ...common,
        Type: volume.type,
        ...optional('Source', volume.source),
        ...(volume.image?.subpath === undefined ? {} : { ImageOptions: { Subpath: volume.image.subpath } }),
      };
  }
}

/** Secrets and configs that are files are mounted read-only; others are written into the container before it starts. */
function fileMount(kind: 'secrets' | 'configs', reference: FileReference, wish: ContainerWish): MountRequest[] {
  const definition = wish.project[kind][reference.source];
  if (definition?.file === undefined) return [];
  return [
    { Type: 'bind', Source: definition.file, Target: fileTarget(kind, reference), ReadOnly: true, BindOptions: {} },
  ];
}

/** Where a secret or config appears; a relative secret's target lies below /run/secrets. */
export function fileTarget(kind: 'secrets' | 'configs', reference: FileReference): string {
  const target = reference.target ?? reference.source;
  if (target.startsWith('/')) return target;
  return kind === 'secrets' ? `/run/secrets/${target}` : `/${target}`;
}
