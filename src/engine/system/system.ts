import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { hostPlatform } from '../../core/platform.ts';
import { API_VERSION, MIN_API_VERSION, VERSION } from '../../core/version.ts';
import type { SystemInfo, VersionInfo } from '../../core/wire/resources.ts';
import type { EngineOptions, System } from '../contract.ts';
import { findInit } from '../containers/spec-input.ts';
import type { SystemDependencies } from './dependencies.ts';
import { diskUsage } from './disk-usage.ts';
import { fileSystemOf, openFiles, readHost } from './host.ts';
import { registryConfig } from './registry-config.ts';
import { LOG_DRIVERS } from '../containers/log-drivers.ts';

/** What `info`, `version` and `system df` tell. */
export function createSystem(
  deps: SystemDependencies,
): System & { reloaded(settings: Readonly<Record<string, string>>): void } {
  return {
    info: () => info(deps),
    version: async () => version(deps),
    diskUsage: (types) => diskUsage(deps, types),
    reloaded: (settings) =>
      deps.events.publish({
        type: 'daemon',
        action: 'reload',
        id: daemonId(deps.options),
        attributes: { name: hostname(), ...settings },
      }),
  };
}

async function info({ options, containers, images, events }: SystemDependencies): Promise<SystemInfo> {
  const host = readHost();
  const runtime = options.runtime.info();
  const has = (controller: string) => runtime.controllers.includes(controller);
  const [all, allImages] = await Promise.all([
    containers.list({ all: true, size: false, filters: {} }),
    images.list({ all: false, filters: {}, sharedSize: false }),
  ]);
  const missing: [boolean, string][] = [
    [has('memory'), 'memory limit'],
    [runtime.limits.swap, 'swap limit'],
    [has('cpu'), 'cpu cfs quota'],
    [has('cpuset'), 'cpuset'],
    [has('pids'), 'pids limit'],
  ];
  const warnings = [
    ...missing.flatMap(([isThere, what]) => (isThere ? [] : [`WARNING: No ${what} support`])),
    ...options.networks.warnings(),
  ];
  const inState = (...states: string[]) => all.filter((c) => states.includes(c.State)).length;
  const running = inState('running', 'restarting');
  const paused = inState('paused');
  return {
    ID: daemonId(options),
    Containers: all.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: all.length - running - paused,
    Images: allImages.length,
    Driver: 'overlay2',
    DriverStatus: [
      ['Backing Filesystem', fileSystemOf(options.dataRoot)],
      ['Supports d_type', 'true'],
    ],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: [...LOG_DRIVERS].sort(),
    },
    MemoryLimit: has('memory'),
    SwapLimit: runtime.limits.swap,
    CpuCfsPeriod: has('cpu'),
    CpuCfsQuota: has('cpu'),
    CPUShares: has('cpu'),
    CPUSet: has('cpuset'),
    PidsLimit: has('pids'),
    IPv4Forwarding: host.ipForwarding,
    Debug: false,
    NFd: openFiles(),
    OomKillDisable: runtime.limits.oomKillDisable,
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: options.defaults.logDriver,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: runtime.cgroupMode === 'v2' ? '2' : '1',
    NEventsListener: events.listenerCount(),
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.machine,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig(options),
    NCPU: host.cpus,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: options.dataRoot,
    HttpProxy: process.env['HTTP_PROXY'] ?? process.env['http_proxy'] ?? '',
    HttpsProxy: process.env['HTTPS_PROXY'] ?? process.env['https_proxy'] ?? '',
    NoProxy: process.env['NO_PROXY'] ?? process.env['no_proxy'] ?? '',
    Name: hostname(),
    Labels: [...options.labels],
    ExperimentalBuild: false,
    ServerVersion: VERSION,
    Runtimes: Object.fromEntries(runtime.candidates.filter((c) => c.works).map((c) => [c.name, { path: c.path }])),
    DefaultRuntime: runtime.name,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: options.liveRestore,
    Isolation: '',
    InitBinary: basename(findInit() ?? ''),
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: runtime.version },
    InitCommit: { ID: '' },
    SecurityOptions: [
      `name=seccomp,profile=${seccompName(options.defaults.seccompProfile)}`,
      ...(options.idMaps === undefined ? [] : ['name=userns']),
      ...(existsSync('/proc/self/ns/cgroup') ? ['name=cgroupns'] : []),
    ],
    FirewallBackend: { Driver: 'nftables' },
    CDISpecDirs: [],
    Warnings: warnings.length > 0 ? warnings : null,
  };
}

function seccompName(profile: string): string {
  return ['builtin', 'unconfined'].includes(profile) ? profile : 'custom';
}

function version({ options }: SystemDependencies): VersionInfo {
  const host = readHost();
  const runtime = options.runtime.info();
  const { architecture } = hostPlatform();
  return {
    Platform: { Name: 'Wharf' },
    Components: [
      {
        Name: 'Engine',
        Version: VERSION,
        Details: {
          ApiVersion: API_VERSION,
          MinAPIVersion: MIN_API_VERSION,
          Arch: architecture,
          BuildTime: '',
          Experimental: 'false',
          GitCommit: '',
          GoVersion: '',
          KernelVersion: host.kernelVersion,
          NodeVersion: process.version,
          Os: 'linux',
        },
      },
      { Name: runtime.name, Version: runtime.version, Details: { Path: runtime.path } },
    ],
    Version: VERSION,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: '',
    GoVersion: '',
    Os: 'linux',
    Arch: architecture,
    KernelVersion: host.kernelVersion,
    BuildTime: '',
  };
}

/** Stays the same for a data root's whole life. */
function daemonId({ storage }: Pick<EngineOptions, 'storage'>): string {
  const daemon = storage.db.collection<{ id: string }>('daemon');
  const known = daemon.get('identity');
  if (known !== undefined) return known.id;
  const id = randomUUID();
  daemon.put('identity', { id });
  return id;
}
