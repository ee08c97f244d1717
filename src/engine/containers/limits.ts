import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { invalidParameter } from '../../core/errors.ts';
import type { HostConfig } from '../../core/wire/container.ts';
import type { RuntimeInfo } from '../../runtime/index.ts';

const MIB = 1024 * 1024;
const bad = (message: string) => invalidParameter({ message });

/** What this machine can limit, as far as the limits of a container depend on it. */
export interface LimitFacts {
  readonly controllers: readonly string[];
  readonly limits: RuntimeInfo['limits'];
  readonly cpus: number;
  /** Like `0-3,5`, as the kernel lists them. */
  readonly onlineCpus: string;
  readonly onlineMemoryNodes: string;
}

export function readLimitFacts(info: RuntimeInfo): LimitFacts {
  return {
    controllers: info.controllers,
    limits: info.limits,
    cpus: availableParallelism(),
    onlineCpus: listIn('/sys/devices/system/cpu/online'),
    onlineMemoryNodes: listIn('/sys/devices/system/node/online'),
  };
}

/**
 * Limits as they can be kept here: what the kernel cannot do is dropped with a warning, as Docker does; what makes no sense
 * is refused. Pure.
 * @throws {WharfError} `INVALID_PARAMETER`, worded as Docker's
 */
export function possibleLimits(
  asked: HostConfig,
  facts: LimitFacts,
): { readonly host: HostConfig; readonly warnings: readonly string[] } {
  const host = { ...asked };
  const warnings: string[] = [];
  checkMemory(host, facts, warnings);
  checkCpu(host, facts, warnings);
  checkCpusets(host, facts, warnings);
  checkBlockIo(host, facts, warnings);
  if ((host.PidsLimit ?? 0) > 0 && !facts.controllers.includes('pids')) {
    warnings.push(unsupported('PIDs limit capabilities', 'PIDs limit discarded.'));
    host.PidsLimit = null;
  }
  return { host, warnings };
}

const unsupported = (what: string, consequence: string) =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${consequence}`;

function checkMemory(host: HostConfig, { controllers, limits }: LimitFacts, warnings: string[]): void {
  const drop = (what: string, consequence: string) => warnings.push(unsupported(what, consequence));
  const memory = host.Memory ?? 0;
  const reservation = host.MemoryReservation ?? 0;
  if (memory !== 0 && memory < 6 * MIB) throw bad('Minimum memory limit allowed is 6MB');
  if (memory > 0 && !controllers.includes('memory')) {
    drop('memory limit capabilities', 'Limitation discarded.');
    host.Memory = 0;
    host.MemorySwap = -1;
  }
  const swap = host.MemorySwap ?? 0;
  if (memory > 0 && swap !== -1 && !limits.swap) {
    drop('swap limit capabilities', 'Memory limited without swap.');
    host.MemorySwap = -1;
  }
  if (memory > 0 && swap > 0 && swap < memory) {
    throw bad('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (swap > 0 && memory === 0) {
    throw bad('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
  const swappiness = host.MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100) {
    throw bad(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (swappiness !== -1 && !limits.swappiness) {
    drop('memory swappiness capabilities', 'Memory swappiness discarded.');
    host.MemorySwappiness = null;
  }
  if (reservation !== 0 && reservation < 6 * MIB) throw bad('Minimum memory reservation allowed is 6MB');
  if (memory > 0 && reservation > memory) {
    throw bad('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  if (!host.OomKillDisable) return;
  if (!limits.oomKillDisable) {
    warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.');
    host.OomKillDisable = null;
  } else if (memory === 0) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  }
}

function checkCpu(host: HostConfig, { controllers, limits, cpus }: LimitFacts, warnings: string[]): void {
  const nano = host.NanoCpus ?? 0;
  if (nano !== 0) {
    if (host.CpuPeriod) throw bad('Conflicting options: Nano CPUs and CPU Period cannot both be set');
    if (host.CpuQuota) throw bad('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
    if (!controllers.includes('cpu')) {
      throw bad(
        'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
      );
    }
    if (nano < 1e7 || nano > cpus * 1e9) {
      throw bad(`range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`);
    }
  }
  if ((host.CpuShares ?? 0) < 0) throw bad(`invalid CPU shares (${host.CpuShares}): value must be a positive integer`);
  if (host.CpuShares && !controllers.includes('cpu')) {
    warnings.push(unsupported('CPU shares', 'Shares discarded.'));
    host.CpuShares = 0;
  }
  if (host.CpuPeriod && !controllers.includes('cpu')) {
    warnings.push(unsupported('CPU CFS scheduler', 'Period discarded.'));
    host.CpuPeriod = 0;
  }
  if (host.CpuQuota && !controllers.includes('cpu')) {
    warnings.push(unsupported('CPU CFS scheduler', 'Quota discarded.'));
    host.CpuQuota = 0;
  }
  const period = host.CpuPeriod ?? 0;
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw bad('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  const quota = host.CpuQuota ?? 0;
  if (quota > 0 && quota < 1000) throw bad('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  const { CpuRealtimePeriod = 0, CpuRealtimeRuntime = 0 } = host;
  if ((CpuRealtimePeriod !== 0 || CpuRealtimeRuntime !== 0) && !limits.cpuRealtime) {
    throw bad('Your kernel does not support CPU real-time scheduler');
  }
  if (CpuRealtimePeriod !== 0 && CpuRealtimeRuntime > CpuRealtimePeriod) {
    throw bad('cpu real-time runtime cannot be higher than cpu real-time period');
  }
}

function checkCpusets(
  host: HostConfig,
  { controllers, onlineCpus, onlineMemoryNodes }: LimitFacts,
  warnings: string[],
): void {
  if ((host.CpusetCpus || host.CpusetMems) && !controllers.includes('cpuset')) {
    warnings.push(unsupported('cpuset', 'Cpuset discarded.'));
    host.CpusetCpus = '';
    host.CpusetMems = '';
  }
  checkSet(host.CpusetCpus, 'cpuset cpus', 'CPUs', onlineCpus);
  checkSet(host.CpusetMems, 'cpuset mems', 'memory nodes', onlineMemoryNodes);
}

function checkSet(asked: string | undefined, field: string, what: string, available: string): void {
  if (!asked) return;
  const numbers = parseSet(asked);
  if (numbers === undefined) throw bad(`Invalid value ${asked} for ${field}: invalid format: ${asked}`);
  const there = parseSet(available);
  if (there === undefined || [...numbers].every((n) => there.has(n))) return;
  throw bad(`Requested ${what} are not available - requested ${asked}, available: ${available}`);
}

/** A set like `0-3,5`; `undefined` if it is none. */
export function parseSet(text: string): Set<number> | undefined {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return undefined;
    for (let n = first; n <= last; n++) found.add(n);
  }
  return found;
}

function checkBlockIo(host: HostConfig, { controllers, limits }: LimitFacts, warnings: string[]): void {
  const weight = host.BlkioWeight ?? 0;
  if (weight !== 0 && !limits.blkioWeight) {
    warnings.push(unsupported('Block I/O weight', 'Weight discarded.'));
    host.BlkioWeight = 0;
  }
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw bad('Range of blkio weight is from 10 to 1000');
  for (const device of host.BlkioWeightDevice ?? []) {
    if (device.Weight < 10 || device.Weight > 1000) {
      throw bad(`invalid blkio weight ${device.Weight} for ${device.Path}: the range is from 10 to 1000`);
    }
  }
  if (host.BlkioWeightDevice?.length && !limits.blkioWeight) {
    warnings.push(unsupported('Block I/O weight_device', 'Weight-device discarded.'));
    host.BlkioWeightDevice = [];
  }
  const throttling = controllers.includes('blkio') || controllers.includes('io');
  for (const [field, unit, way] of [
    ['BlkioDeviceReadBps', 'BPS', 'read'],
    ['BlkioDeviceWriteBps', 'BPS', 'write'],
    ['BlkioDeviceReadIOps', 'IOPS', 'read'],
    ['BlkioDeviceWriteIOps', 'IOPS', 'write'],
  ] as const) {
    for (const { Path, Rate } of host[field] ?? []) {
      if (Rate < 0 || !Path.startsWith('/')) throw bad(`invalid ${field}: ${Path}:${Rate}`);
    }
    if (!host[field]?.length || throttling) continue;
    warnings.push(unsupported(`${unit} Block I/O ${way} limit`, `Block I/O ${unit} ${way} limit discarded.`));
    host[field] = [];
  }
}

function listIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '0';
  }
}
