import {
  closeSync,
  type Dirent,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  write,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** `hybrid`: version 1 controllers with a version 2 tree beside them (systemd's word). */
export type CgroupMode = 'v1' | 'hybrid' | 'v2';

/** Where this host keeps its control groups. */
export interface CgroupHost {
  readonly mode: CgroupMode;
  /** Controller (v1) or `''` (the v2 tree) to mount point. Named v1 hierarchies are `name=systemd` and the like. */
  readonly mounts: ReadonlyMap<string, string>;
  /** What can be limited here, in the kernel's names. */
  readonly controllers: readonly string[];
}

/** Reads the mount table of this process; the hierarchies of a host do not change while it is up, but may be added to. */
export function detectCgroups(mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): CgroupHost {
  const mounts = new Map<string, string>();
  const controllers = new Set<string>();
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const target = before?.split(' ')[4];
    const [type, , options] = after?.split(' ') ?? [];
    if (target === undefined) continue;
    if (type === 'cgroup2' && !mounts.has('')) mounts.set('', target);
    if (type !== 'cgroup') continue;
    for (const word of options?.split(',') ?? []) {
      if (word === 'rw' || word === 'ro' || word === 'xattr' || word.includes('=') !== word.startsWith('name='))
        continue;
      if (!mounts.has(word)) mounts.set(word, target);
      if (!word.startsWith('name=')) controllers.add(word);
    }
  }
  const unified = mounts.get('');
  const mode = controllers.size === 0 && unified !== undefined ? 'v2' : unified === undefined ? 'v1' : 'hybrid';
  if (unified !== undefined) {
    for (const word of readText(join(unified, 'cgroup.controllers'))?.trim().split(' ') ?? []) {
      if (word !== '') controllers.add(word);
    }
  }
  return { mode, mounts, controllers: [...controllers].sort() };
}

/** Directories of the group at `path` (`/wharf/id`) in every hierarchy of the host, whether they exist or not. */
function cgroupDirectories(host: CgroupHost, path: string): string[] {
  return [...new Set(host.mounts.values())].map((mount) => join(mount, path));
}

/** Processes in the group and below it, by host pid. */
export function cgroupPids(host: CgroupHost, path: string): number[] {
  const mount = host.mode === 'v2' ? host.mounts.get('') : (host.mounts.get('pids') ?? host.mounts.get('memory'));
  const pids = new Set<number>();
  if (mount !== undefined) gather(join(mount, path), pids);
  return [...pids].sort((a, b) => a - b);
}

function gather(directory: string, pids: Set<number>): void {
  for (const line of readText(join(directory, 'cgroup.procs'))?.split('\n') ?? [])
    if (line !== '') pids.add(Number(line));
  for (const entry of subdirectories(directory)) gather(join(directory, entry.name), pids);
}

/** How many processes of the group the kernel has killed for want of memory. */
export function oomKills(host: CgroupHost, path: string): number {
  const [mount, file] =
    host.mode === 'v2' ? [host.mounts.get(''), 'memory.events'] : [host.mounts.get('memory'), 'memory.oom_control'];
  if (mount === undefined) return 0;
  return flatKeys(readText(join(mount, path, file)))['oom_kill'] ?? 0;
}

/**
 * Freezes or thaws all processes of the group. Success means that the kernel has reported the new state.
 * @throws {Error} `ENOENT` if there is no such group
 */
export async function setFrozen(host: CgroupHost, path: string, frozen: boolean): Promise<void> {
  const v1 = host.mounts.get('freezer');
  const directory = join(v1 ?? host.mounts.get('') ?? '/sys/fs/cgroup', path);
  const word = v1 === undefined ? (frozen ? '1' : '0') : frozen ? 'FROZEN' : 'THAWED';
  const file = join(directory, v1 === undefined ? 'cgroup.freeze' : 'freezer.state');
  for (let round = 0; ; round++) {
    // A v1 freezer that says FREEZING may have met a process in the middle of fork: it wants to be told again (freezer-subsystem.txt).
    // Where that does not help a moment's thaw does, as processes on their way through the kernel get on (runc does the same).
    if (v1 !== undefined && frozen && round % 50 === 49) writeFileSync(file, 'THAWED');
    writeFileSync(file, word);
    const now =
      v1 === undefined
        ? flatKeys(readText(join(directory, 'cgroup.events')))['frozen'] === (frozen ? 1 : 0)
        : readText(file)?.trim() === word;
    if (now) return;
    if (round === 1000) throw new Error(`"${file}" did not become ${word}`);
    await new Promise((resolve) => setTimeout(resolve, round < 10 ? 0 : 10));
  }
}

export function isFrozen(host: CgroupHost, path: string): boolean {
  const v1 = host.mounts.get('freezer');
  if (v1 !== undefined) return (readText(join(v1, path, 'freezer.state'))?.trim() ?? 'THAWED') !== 'THAWED';
  return readText(join(host.mounts.get('') ?? '/sys/fs/cgroup', path, 'cgroup.freeze'))?.trim() === '1';
}

/**
 * Readies the kernel for processes that are about to join groups. The first to join one after some 20 ms of rest waits until
 * every processor has passed through the scheduler, for 5 to 15 ms (cgroup_threadgroup_rwsem). Told to put this process into
 * the group that it is in, which changes nothing, the kernel does that waiting now, on a thread of the pool, and for the next
 * ones there is none. A process that does not exist will not do: since Linux 6.18 it is looked for first.
 */
export async function readyForJoining(host: CgroupHost): Promise<void> {
  const ownGroups = readText('/proc/self/cgroup')?.trim().split('\n') ?? [];
  for (const [controller, mount] of host.mounts) {
    const [, path] =
      ownGroups
        .map((line) => /^\d+:([^:]*):(.*)$/.exec(line)?.slice(1) ?? [])
        .find(([names = '']) => (controller === '' ? names === '' : names.split(',').includes(controller))) ?? [];
    if (path === undefined) continue;
    return await rejoin(join(mount, path, 'cgroup.procs')).catch(() => undefined);
  }
}

const writeLater = promisify(write);

/** Only the writing may take long: all else is done at once, without a thread that has to be woken for it. */
async function rejoin(file: string): Promise<void> {
  const fd = openSync(file, 'r+');
  try {
    await writeLater(fd, String(process.pid));
  } finally {
    closeSync(fd);
  }
}

/**
 * Removes the group and what is below it from every hierarchy. `false`: processes are still in there (`EBUSY`).
 * Groups that are gone already count as removed.
 */
export function removeCgroup(host: CgroupHost, path: string): boolean {
  let clean = true;
  for (const directory of cgroupDirectories(host, path)) clean = removeTree(directory) && clean;
  return clean;
}

function removeTree(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return true;
    if (code !== 'EBUSY' && code !== 'ENOTEMPTY') throw e;
  }
  let clean = true;
  for (const entry of subdirectories(directory)) clean = removeTree(join(directory, entry.name)) && clean;
  if (!clean) return false;
  try {
    rmdirSync(directory);
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === 'ENOENT';
  }
  return true;
}

/** What the processes of a group have used, and their limits. */
export interface CgroupStats {
  readonly cpuTotalNanos: number;
  readonly cpuUserNanos: number;
  readonly cpuSystemNanos: number;
  readonly memoryBytes: number;
  readonly memoryMaxBytes: number;
  /** 0: no limit of its own. */
  readonly memoryLimitBytes: number;
  readonly memoryStat: Readonly<Record<string, number>>;
  readonly pids: number;
  /** 0: no limit. */
  readonly pidsLimit: number;
  readonly ioReadBytes: number;
  readonly ioWriteBytes: number;
  /** Time on each processor, in nanoseconds; only version 1 counts it. */
  readonly cpuPerProcessorNanos: readonly number[];
  /** Periods of the CPU quota, those in which it was used up, and how long processes had to wait for it. */
  readonly cpuPeriods: number;
  readonly cpuThrottledPeriods: number;
  readonly cpuThrottledNanos: number;
  /** How often the memory limit was hit. */
  readonly memoryFailures: number;
  readonly ioBytes: readonly IoCounter[];
  readonly ioOperations: readonly IoCounter[];
}

/** What went through one block device. */
export interface IoCounter {
  readonly major: number;
  readonly minor: number;
  readonly operation: 'read' | 'write';
  readonly value: number;
}

/** What the group has used. Files that are not there (no such controller) count as 0. */
export function cgroupStats(host: CgroupHost, path: string): CgroupStats {
  return host.mode === 'v2' ? statsV2(join(host.mounts.get('') ?? '/sys/fs/cgroup', path)) : statsV1(host, path);
}

function statsV2(directory: string): CgroupStats {
  const file = (name: string) => readText(join(directory, name));
  const cpu = flatKeys(file('cpu.stat'));
  const ioBytes = ioV2(file('io.stat'), 'rbytes', 'wbytes');
  return {
    cpuTotalNanos: (cpu['usage_usec'] ?? 0) * 1000,
    cpuUserNanos: (cpu['user_usec'] ?? 0) * 1000,
    cpuSystemNanos: (cpu['system_usec'] ?? 0) * 1000,
    memoryBytes: amount(file('memory.current')),
    memoryMaxBytes: amount(file('memory.peak')),
    memoryLimitBytes: amount(file('memory.max')),
    memoryStat: flatKeys(file('memory.stat')),
    pids: amount(file('pids.current')),
    pidsLimit: amount(file('pids.max')),
    ioReadBytes: sumOf(ioBytes, 'read'),
    ioWriteBytes: sumOf(ioBytes, 'write'),
    cpuPerProcessorNanos: [],
    cpuPeriods: cpu['nr_periods'] ?? 0,
    cpuThrottledPeriods: cpu['nr_throttled'] ?? 0,
    cpuThrottledNanos: (cpu['throttled_usec'] ?? 0) * 1000,
    memoryFailures: flatKeys(file('memory.events'))['max'] ?? 0,
    ioBytes,
    ioOperations: ioV2(file('io.stat'), 'rios', 'wios'),
  };
}

/** An unlimited v1 memory group says 2^63 less a page. */
const NO_LIMIT_V1 = 2 ** 62;
/** cpuacct.stat counts in USER_HZ, 100 on every architecture we run on. */
const NANOS_PER_TICK = 10_000_000;

function statsV1(host: CgroupHost, path: string): CgroupStats {
  const file = (controller: string, name: string) => {
    const mount = host.mounts.get(controller);
    return mount === undefined ? undefined : readText(join(mount, path, name));
  };
  const cpu = flatKeys(file('cpuacct', 'cpuacct.stat'));
  const limit = amount(file('memory', 'memory.limit_in_bytes'));
  const throttle = flatKeys(file('cpu', 'cpu.stat'));
  const ioBytes = ioV1(file('blkio', 'blkio.throttle.io_service_bytes_recursive'));
  return {
    cpuTotalNanos: amount(file('cpuacct', 'cpuacct.usage')),
    cpuUserNanos: (cpu['user'] ?? 0) * NANOS_PER_TICK,
    cpuSystemNanos: (cpu['system'] ?? 0) * NANOS_PER_TICK,
    memoryBytes: amount(file('memory', 'memory.usage_in_bytes')),
    memoryMaxBytes: amount(file('memory', 'memory.max_usage_in_bytes')),
    memoryLimitBytes: limit >= NO_LIMIT_V1 ? 0 : limit,
    memoryStat: flatKeys(file('memory', 'memory.stat')),
    pids: amount(file('pids', 'pids.current')),
    pidsLimit: amount(file('pids', 'pids.max')),
    ioReadBytes: sumOf(ioBytes, 'read'),
    ioWriteBytes: sumOf(ioBytes, 'write'),
    cpuPerProcessorNanos: (file('cpuacct', 'cpuacct.usage_percpu') ?? '')
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .map(Number),
    cpuPeriods: throttle['nr_periods'] ?? 0,
    cpuThrottledPeriods: throttle['nr_throttled'] ?? 0,
    cpuThrottledNanos: throttle['throttled_time'] ?? 0,
    memoryFailures: amount(file('memory', 'memory.failcnt')),
    ioBytes,
    ioOperations: ioV1(file('blkio', 'blkio.throttle.io_serviced_recursive')),
  };
}

/** `254:0 Read 4096` a line. */
function ioV1(text: string | undefined): IoCounter[] {
  return [...(text ?? '').matchAll(/^(\d+):(\d+) (Read|Write) (\d+)$/gm)].map(([, major, minor, way, value]) => ({
    major: Number(major),
    minor: Number(minor),
    operation: way === 'Read' ? 'read' : 'write',
    value: Number(value),
  }));
}

/** `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 ...` a line. */
function ioV2(text: string | undefined, read: string, write: string): IoCounter[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const device = /^(\d+):(\d+) (.*)$/.exec(line);
    if (device === null) return [];
    const fields = new Map((device[3] ?? '').split(' ').map((f) => f.split('=', 2) as [string, string]));
    const counter = (key: string, operation: IoCounter['operation']) => ({
      major: Number(device[1]),
      minor: Number(device[2]),
      operation,
      value: Number(fields.get(key) ?? 0),
    });
    return [counter(read, 'read'), counter(write, 'write')];
  });
}

function sumOf(counters: readonly IoCounter[], operation: IoCounter['operation']): number {
  return counters.reduce((sum, c) => (c.operation === operation ? sum + c.value : sum), 0);
}

function amount(text: string | undefined): number {
  const value = Number(text?.trim());
  return Number.isFinite(value) ? value : 0;
}

/** `key value` a line, as in memory.stat. */
function flatKeys(text: string | undefined): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of text?.split('\n') ?? []) {
    const [key, value] = line.split(' ');
    if (key !== undefined && key !== '' && value !== undefined) found[key] = Number(value);
  }
  return found;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function subdirectories(directory: string): Dirent[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
}
