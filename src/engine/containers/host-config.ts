import type { HostConfig, Ulimit } from '../../core/wire/container.ts';
import { defaultMaskedPaths, READONLY_PATHS } from '../../runtime/index.ts';
import type { ContainerDefaults } from '../contract.ts';
import { normalCapability } from './validate.ts';

export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

export const DEFAULTS: ContainerDefaults = {
  logDriver: 'json-file',
  logOptions: {},
  init: false,
  ulimits: [],
  shmSizeBytes: DEFAULT_SHM_BYTES,
  ipcMode: 'private',
  cgroupns: undefined,
  noNewPrivileges: false,
  seccompProfile: 'builtin',
  dns: [],
  dnsOptions: [],
  dnsSearch: [],
  cgroupParent: '',
};

/**
 * The host config with every default that inspect shows filled in: the daemon's where it has one, else Docker's.
 * `cgroupns`: what this host's cgroups suggest.
 */
export function withDefaults(
  host: HostConfig,
  cgroupns: 'private' | 'host',
  defaults: ContainerDefaults = DEFAULTS,
): HostConfig {
  const memory = host.Memory ?? 0;
  const pidsLimit = host.PidsLimit ?? 0;
  const joinsNetwork = (host.NetworkMode ?? '').startsWith('container:');
  const orDefault = (own: string[] | null | undefined, others: readonly string[]) =>
    own?.length ? own : joinsNetwork ? [] : [...others];
  return {
    ...host,
    Binds: host.Binds ?? null,
    ContainerIDFile: host.ContainerIDFile ?? '',
    LogConfig: logConfigOf(host, defaults),
    NetworkMode: !host.NetworkMode || host.NetworkMode === 'default' ? 'bridge' : host.NetworkMode,
    PortBindings: host.PortBindings ?? {},
    RestartPolicy: {
      Name: host.RestartPolicy?.Name || 'no',
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    AutoRemove: host.AutoRemove ?? false,
    VolumeDriver: host.VolumeDriver ?? '',
    VolumesFrom: host.VolumesFrom ?? null,
    ConsoleSize: host.ConsoleSize ?? [0, 0],
    CapAdd: host.CapAdd?.map(normalCapability) ?? null,
    CapDrop: host.CapDrop?.map(normalCapability) ?? null,
    CgroupnsMode: host.CgroupnsMode || (host.Privileged ? 'host' : (defaults.cgroupns ?? cgroupns)),
    Dns: orDefault(host.Dns, defaults.dns),
    DnsOptions: orDefault(host.DnsOptions, defaults.dnsOptions),
    DnsSearch: orDefault(host.DnsSearch, defaults.dnsSearch),
    ExtraHosts: host.ExtraHosts ?? null,
    GroupAdd: host.GroupAdd ?? null,
    IpcMode: host.IpcMode || defaults.ipcMode,
    Cgroup: host.Cgroup ?? '',
    Links: host.Links ?? null,
    OomScoreAdj: host.OomScoreAdj ?? 0,
    PidMode: host.PidMode ?? '',
    Privileged: host.Privileged ?? false,
    PublishAllPorts: host.PublishAllPorts ?? false,
    ReadonlyRootfs: host.ReadonlyRootfs ?? false,
    SecurityOpt: host.SecurityOpt ?? null,
    UTSMode: host.UTSMode ?? '',
    UsernsMode: host.UsernsMode ?? '',
    ShmSize: host.ShmSize || defaults.shmSizeBytes,
    Runtime: host.Runtime ?? '',
    Isolation: host.Isolation ?? '',
    CpuShares: host.CpuShares ?? 0,
    Memory: memory,
    NanoCpus: host.NanoCpus ?? 0,
    CgroupParent: host.CgroupParent ?? '',
    BlkioWeight: host.BlkioWeight ?? 0,
    BlkioWeightDevice: host.BlkioWeightDevice ?? [],
    BlkioDeviceReadBps: host.BlkioDeviceReadBps ?? [],
    BlkioDeviceWriteBps: host.BlkioDeviceWriteBps ?? [],
    BlkioDeviceReadIOps: host.BlkioDeviceReadIOps ?? [],
    BlkioDeviceWriteIOps: host.BlkioDeviceWriteIOps ?? [],
    CpuPeriod: host.CpuPeriod ?? 0,
    CpuQuota: host.CpuQuota ?? 0,
    CpuRealtimePeriod: host.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: host.CpuRealtimeRuntime ?? 0,
    CpusetCpus: host.CpusetCpus ?? '',
    CpusetMems: host.CpusetMems ?? '',
    Devices: host.Devices ?? [],
    DeviceCgroupRules: host.DeviceCgroupRules ?? null,
    DeviceRequests: host.DeviceRequests ?? null,
    MemoryReservation: host.MemoryReservation ?? 0,
    // Docker: memory and swap together are twice the memory unless said otherwise.
    MemorySwap: host.MemorySwap || (memory > 0 ? memory * 2 : 0),
    MemorySwappiness:
      host.MemorySwappiness === undefined || host.MemorySwappiness === -1 ? null : host.MemorySwappiness,
    OomKillDisable: host.OomKillDisable || null,
    PidsLimit: pidsLimit > 0 ? pidsLimit : null,
    Ulimits: ulimitsOf(host, defaults),
    Init: host.Init ?? null,
    MaskedPaths: host.MaskedPaths ?? (host.Privileged ? null : defaultMaskedPaths()),
    ReadonlyPaths: host.ReadonlyPaths ?? (host.Privileged ? null : [...READONLY_PATHS]),
  };
}

/** The daemon's options go with its driver: another driver might not know them. */
function logConfigOf({ LogConfig }: HostConfig, defaults: ContainerDefaults): NonNullable<HostConfig['LogConfig']> {
  const Type = LogConfig?.Type || defaults.logDriver;
  const own = LogConfig?.Config ?? {};
  return { Type, Config: Type === defaults.logDriver ? { ...defaults.logOptions, ...own } : own };
}

/** The container's, and those of the daemon that it does not name itself. */
function ulimitsOf(host: HostConfig, defaults: ContainerDefaults): Ulimit[] | null {
  if (defaults.ulimits.length === 0) return host.Ulimits ?? null;
  const own = host.Ulimits ?? [];
  return [...own, ...defaults.ulimits.filter((d) => !own.some((u) => u.Name === d.Name))];
}
