import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ContainerCreateRequest, HostConfig } from '../../core/wire/container.ts';
import type { ContainerFlags } from './container-flags.ts';
import { checkModes, extraHost } from './checks.ts';
import {
  capabilities,
  healthOf,
  isCdiDevice,
  parseDevice,
  parseGpus,
  parseRestart,
  securityOptions,
  swapBytes,
  ulimits,
} from './limits.ts';
import { parseMount, parseTmpfs, parseVolumes } from './mounts.ts';
import { networksOf } from './networks.ts';
import { environment, labels, pairs } from './pairs.ts';
import { parseExposed, parsePublished } from './ports.ts';

export interface RequestInputs {
  readonly flags: ContainerFlags;
  readonly given: ReadonlySet<string>;
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Rows and columns of the terminal, if there is one. */
  readonly consoleSize: [number, number] | undefined;
  /** Not attached at all: `-d`. */
  readonly detached: boolean;
  /** Proxy variables for this engine's containers, by what the command line sets itself. */
  readonly proxies: (given: readonly string[]) => readonly string[];
}

/**
 * The body of `POST /containers/create` for a command line.
 * @throws {Error} in docker's words, for values that cannot be read
 */
export function containerRequest(inputs: RequestInputs): ContainerCreateRequest {
  const { flags, given, image, command, env, cwd, detached } = inputs;
  const streams = flags.attach.map((s) => s.toLowerCase());
  checkTogether(flags);
  const attached = (s: string) =>
    !detached && (streams.length === 0 ? s !== 'stdin' || flags.interactive : streams.includes(s));
  const ports = parsePublished(flags.publish);
  const exposed = { ...ports.exposed, ...parseExposed(flags.expose) };
  const volumes = parseVolumes(flags.volume, cwd);
  const networks = networksOf(flags);
  const health = healthOf(flags);
  const variables = environment(flags.envFile, flags.env, env, cwd);
  const macAddress = flags.macAddress ?? Object.values(networks.endpoints)[0]?.MacAddress;
  const plain = Object.entries(networks.endpoints).filter(
    ([name, endpoint]) => Object.keys(endpoint).length > 0 || !/^(default|bridge|host|none)$/.test(name),
  );
  return {
    Hostname: flags.hostname ?? '',
    Domainname: flags.domainname ?? '',
    User: flags.user ?? '',
    AttachStdin: attached('stdin'),
    AttachStdout: attached('stdout'),
    AttachStderr: attached('stderr'),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attached('stdin'),
    Env: [...variables, ...inputs.proxies([...variables, ...flags.env])],
    Cmd: command.length === 0 ? null : [...command],
    Image: image,
    Volumes: volumes.anonymous,
    WorkingDir: flags.workdir ?? '',
    // An empty --entrypoint takes the image's away.
    Entrypoint: flags.entrypoint === undefined ? null : [flags.entrypoint],
    Labels: labels(flags.labelFile, flags.label, cwd),
    ...(Object.keys(exposed).length === 0 ? {} : { ExposedPorts: exposed }),
    ...(health === undefined ? {} : { Healthcheck: health }),
    ...(flags.stopSignal === undefined ? {} : { StopSignal: flags.stopSignal }),
    ...(flags.stopTimeout === undefined ? {} : { StopTimeout: flags.stopTimeout }),
    ...(macAddress === undefined ? {} : { MacAddress: macAddress }),
    HostConfig: {
      ...hostConfig(inputs),
      Binds: volumes.binds.length === 0 ? null : volumes.binds,
      PortBindings: ports.bindings,
      NetworkMode: networks.mode,
      Links: [...flags.link],
      Init: given.has('init') ? flags.init : null,
      OomKillDisable: given.has('oomKillDisable') ? flags.oomKillDisable : null,
    },
    ...(plain.length === 0 ? {} : { NetworkingConfig: { EndpointsConfig: Object.fromEntries(plain) } }),
  };
}

function hostConfig({ flags, cwd, consoleSize }: RequestInputs): HostConfig {
  const security = securityOptions(flags.securityOpt, (path) => readFileSync(resolve(cwd, path), 'utf8'));
  const list = <T>(values: readonly T[]) => (values.length === 0 ? null : [...values]);
  return {
    ContainerIDFile: flags.cidfile ?? '',
    LogConfig: { Type: flags.logDriver ?? '', Config: pairs(flags.logOpt) },
    RestartPolicy: parseRestart(flags.restart ?? 'no'),
    AutoRemove: flags.rm,
    VolumeDriver: flags.volumeDriver ?? '',
    VolumesFrom: list(flags.volumesFrom),
    ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }),
    ...(flags.annotation.length === 0 ? {} : { Annotations: pairs(flags.annotation) }),
    CapAdd: list(capabilities(flags.capAdd)),
    CapDrop: list(capabilities(flags.capDrop)),
    CgroupnsMode: flags.cgroupns ?? '',
    Dns: [...flags.dns],
    DnsOptions: [...flags.dnsOption],
    DnsSearch: [...flags.dnsSearch],
    ExtraHosts: list(flags.addHost.map(extraHost)),
    GroupAdd: list(flags.groupAdd),
    ...(flags.isolation ? { Isolation: flags.isolation } : {}),
    IpcMode: flags.ipc ?? '',
    OomScoreAdj: flags.oomScoreAdj ?? 0,
    PidMode: flags.pid ?? '',
    Privileged: flags.privileged,
    PublishAllPorts: flags.publishAll,
    ReadonlyRootfs: flags.readOnly,
    SecurityOpt: list(security.options),
    ...(security.unconfinedPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    ...(flags.storageOpt.length === 0 ? {} : { StorageOpt: pairs(flags.storageOpt) }),
    ...(flags.tmpfs.length === 0 ? {} : { Tmpfs: parseTmpfs(flags.tmpfs) }),
    UTSMode: flags.uts ?? '',
    UsernsMode: flags.userns ?? '',
    ShmSize: flags.shmSize ?? 0,
    ...(flags.sysctl.length === 0 ? {} : { Sysctls: pairs(flags.sysctl) }),
    ...(flags.runtime === undefined ? {} : { Runtime: flags.runtime }),
    CpuShares: flags.cpuShares ?? 0,
    Memory: flags.memory ?? 0,
    NanoCpus: Math.round((flags.cpus ?? 0) * 1e9),
    CgroupParent: flags.cgroupParent ?? '',
    BlkioWeight: flags.blkioWeight ?? 0,
    BlkioWeightDevice: [...flags.blkioWeightDevice],
    BlkioDeviceReadBps: [...flags.deviceReadBps],
    BlkioDeviceWriteBps: [...flags.deviceWriteBps],
    BlkioDeviceReadIOps: [...flags.deviceReadIops],
    BlkioDeviceWriteIOps: [...flags.deviceWriteIops],
    CpuPeriod: flags.cpuPeriod ?? 0,
    CpuQuota: flags.cpuQuota ?? 0,
    CpuRealtimePeriod: flags.cpuRtPeriod ?? 0,
    CpuRealtimeRuntime: flags.cpuRtRuntime ?? 0,
    CpusetCpus: flags.cpusetCpus ?? '',
    CpusetMems: flags.cpusetMems ?? '',
    Devices: flags.device.filter((d) => !isCdiDevice(d)).map(parseDevice),
    DeviceCgroupRules: list(flags.deviceCgroupRule),
    DeviceRequests: list([...flags.gpus.map(parseGpus), ...cdiRequests(flags.device)]),
    MemoryReservation: flags.memoryReservation ?? 0,
    MemorySwap: flags.memorySwap === undefined ? 0 : swapBytes(flags.memorySwap),
    MemorySwappiness: flags.memorySwappiness ?? null,
    PidsLimit: flags.pidsLimit ?? null,
    Ulimits: ulimits(flags.ulimit),
    ...(flags.mount.length === 0 ? {} : { Mounts: flags.mount.map((spec) => parseMount(spec, cwd)) }),
  };
}

/** What options must not be beside each other, and values that only their meaning tells wrong. */
function checkTogether(flags: ContainerFlags): void {
  if (flags.restart !== undefined && flags.restart !== 'no' && flags.restart !== '' && flags.rm) {
    throw new Error('conflicting options: cannot specify both --restart and --rm');
  }
  checkModes(flags);
  const { memorySwappiness: swappiness } = flags;
  if (swappiness !== undefined && swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  if (flags.logDriver === 'none' && flags.logOpt.length > 0) throw new Error('invalid logging opts for driver none');
  if (flags.storageOpt.some((o) => !o.includes('='))) throw new Error('invalid storage option');
}

function cdiRequests(devices: readonly string[]): Record<string, unknown>[] {
  const DeviceIDs = devices.filter(isCdiDevice);
  return DeviceIDs.length === 0 ? [] : [{ Driver: 'cdi', DeviceIDs }];
}
