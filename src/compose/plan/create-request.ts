import type { ContainerCreateRequest, HostConfig, PortMap, RestartPolicy } from '../../core/wire/container.ts';
import type { EndpointSettings } from '../../core/wire/network.ts';
import type { HealthConfig } from '../../core/oci.ts';
import { composeFailed } from '../errors.ts';
import type { Healthcheck, Service } from '../model/service.ts';
import type { ContainerWish } from './container-wish.ts';
import { mountsOf } from './create-mounts.ts';
import { deviceRequests, isNamedDevice, rates } from './device-requests.ts';
import { optional } from './optional.ts';
import { configHash } from './hash.ts';
import { containerLabels } from './labels.ts';
import { displayName, imageName } from './names.ts';

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
