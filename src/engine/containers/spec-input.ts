import { existsSync } from 'node:fs';
import { invalidParameter } from '../../core/errors.ts';
import type { HostConfig, ThrottleDevice } from '../../core/wire/container.ts';
import type {
  MountInput,
  NamespaceInput,
  OciSeccomp,
  ResolvedUser,
  ResourceInput,
  SpecInput,
} from '../../runtime/index.ts';
import type { ContainerDefaults } from '../contract.ts';
import { argvOf } from './merge-config.ts';
import type { ContainerRecord } from './record.ts';
import { splitOnce } from './validate.ts';

export interface SpecParts {
  readonly rootfs: string;
  readonly user: ResolvedUser;
  readonly mounts: readonly MountInput[];
  readonly env: readonly string[];
  readonly hostname: string;
  readonly network: NamespaceInput;
  readonly ipc: SpecInput['ipc'];
  readonly pid: NamespaceInput;
  readonly userNamespace: SpecInput['userNamespace'];
  readonly cgroupsPath: string;
}

/** A container's record in the words of the runtime. Pure but for looking for an init program. */
export function specInput(record: ContainerRecord, parts: SpecParts, defaults: ContainerDefaults): SpecInput {
  const { config, hostConfig: host } = record;
  const security = securityOf(host, defaults);
  const [rows = 0, columns = 0] = host.ConsoleSize ?? [];
  // It makes sense only as the first process of a PID namespace.
  const init = (host.Init ?? defaults.init) && !host.PidMode ? findInit() : undefined;
  return {
    containerId: record.id,
    rootfs: parts.rootfs,
    readonlyRootfs: host.ReadonlyRootfs ?? false,
    args: init === undefined ? argvOf(config) : [INIT_TARGET, '--', ...argvOf(config)],
    env: parts.env,
    cwd: config.WorkingDir || '/',
    user: parts.user,
    hostname: parts.hostname,
    domainname: config.Domainname ?? '',
    tty: config.Tty ?? false,
    consoleSize: rows > 0 && columns > 0 ? { rows, columns } : undefined,
    mounts:
      init === undefined
        ? parts.mounts
        : [
            ...parts.mounts,
            {
              kind: 'bind',
              source: init,
              target: INIT_TARGET,
              readOnly: true,
              recursive: false,
              propagation: 'rprivate',
            },
          ],
    network: parts.network,
    ipc: parts.ipc,
    pid: parts.pid,
    userNamespace: parts.userNamespace,
    uts: host.UTSMode === 'host' ? 'host' : 'own',
    cgroupns: host.CgroupnsMode === 'private' || host.CgroupnsMode === 'host' ? host.CgroupnsMode : undefined,
    privileged: host.Privileged ?? false,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
    noNewPrivileges: security.noNewPrivileges,
    seccomp: security.seccomp,
    maskedPaths: security.unmasked ? [] : (host.MaskedPaths ?? undefined),
    readonlyPaths: security.unmasked ? [] : (host.ReadonlyPaths ?? undefined),
    devices: (host.Devices ?? []).map((d) => ({
      hostPath: d.PathOnHost,
      containerPath: d.PathInContainer || d.PathOnHost,
      permissions: d.CgroupPermissions || 'rwm',
    })),
    deviceCgroupRules: host.DeviceCgroupRules ?? [],
    shmSizeBytes: host.ShmSize ?? 64 * 1024 * 1024,
    sysctls: host.Sysctls ?? {},
    ulimits: (host.Ulimits ?? []).map((u) => ({ name: u.Name, soft: u.Soft, hard: u.Hard })),
    oomScoreAdj: host.OomScoreAdj ?? 0,
    resources: resourceInput(host),
    cgroupsPath: parts.cgroupsPath,
    annotations: host.Annotations ?? {},
  };
}

/** Limits, zero and absent being none. Docker gives `NanoCpus` as a quota of a 100 ms period. */
export function resourceInput(host: HostConfig): ResourceInput {
  const positive = (n: number | null | undefined) => (n !== null && n !== undefined && n > 0 ? n : undefined);
  const nano = positive(host.NanoCpus);
  const memory = positive(host.Memory);
  const swap = host.MemorySwap ?? 0;
  return {
    memoryBytes: memory,
    memoryReservationBytes: positive(host.MemoryReservation),
    memorySwapBytes: swap !== 0 ? swap : memory === undefined ? undefined : memory * 2,
    memorySwappiness:
      host.MemorySwappiness === null || host.MemorySwappiness === -1 ? undefined : host.MemorySwappiness,
    oomKillDisable: host.OomKillDisable ? true : undefined,
    cpuShares: positive(host.CpuShares),
    cpuQuotaMicros: nano === undefined ? positive(host.CpuQuota) : Math.round(nano / 1e4),
    cpuPeriodMicros: nano === undefined ? positive(host.CpuPeriod) : 100_000,
    cpusetCpus: host.CpusetCpus || undefined,
    cpusetMems: host.CpusetMems || undefined,
    pidsLimit: positive(host.PidsLimit),
    blkioWeight: positive(host.BlkioWeight),
    blkioWeightDevices: (host.BlkioWeightDevice ?? []).map((d) => ({ path: d.Path, weight: d.Weight })),
    blkioThrottle: {
      readBps: throttle(host.BlkioDeviceReadBps),
      writeBps: throttle(host.BlkioDeviceWriteBps),
      readIops: throttle(host.BlkioDeviceReadIOps),
      writeIops: throttle(host.BlkioDeviceWriteIOps),
    },
    cpuRealtimePeriodMicros: positive(host.CpuRealtimePeriod),
    cpuRealtimeRuntimeMicros: positive(host.CpuRealtimeRuntime),
  };
}

function throttle(devices: readonly ThrottleDevice[] | null | undefined): { path: string; rate: number }[] {
  return (devices ?? []).map(({ Path, Rate }) => ({ path: Path, rate: Rate }));
}

interface Security {
  readonly noNewPrivileges: boolean;
  readonly seccomp: SpecInput['seccomp'];
  readonly unmasked: boolean;
}

function securityOf(host: HostConfig, defaults: ContainerDefaults): Security {
  let { noNewPrivileges } = defaults;
  let seccomp: SpecInput['seccomp'] = host.Privileged ? 'unconfined' : seccompOf(defaults.seccompProfile);
  let unmasked = false;
  for (const option of host.SecurityOpt ?? []) {
    const [key, value] = splitOnce(option, /[=:]/);
    if (key === 'no-new-privileges') noNewPrivileges = value !== 'false';
    else if (key === 'seccomp') seccomp = seccompOf(value);
    else if (key === 'systempaths') unmasked = value === 'unconfined';
  }
  return { noNewPrivileges, seccomp, unmasked };
}

function seccompOf(value: string): SpecInput['seccomp'] {
  if (value === 'unconfined') return 'unconfined';
  if (value === 'builtin' || value === '') return 'default';
  const profile = JSON.parse(value) as Partial<OciSeccomp> | null;
  if (typeof profile?.defaultAction !== 'string') {
    throw invalidParameter({ message: 'Decoding seccomp profile failed: defaultAction is missing' });
  }
  return profile as OciSeccomp;
}

const INIT_TARGET = '/sbin/docker-init';

/** A static init program of this host, for `--init`; Docker's, or tini's static build. */
export function findInit(): string | undefined {
  return ['/usr/bin/docker-init', '/usr/libexec/docker/docker-init', '/usr/bin/tini-static', '/sbin/tini-static'].find(
    (path) => existsSync(path),
  );
}
