import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { ContainerStats, IoCounter } from '../../runtime/index.ts';
import { NEVER } from './time.ts';

const NANOS_PER_TICK = 1e7;

export interface StatsFacts {
  readonly id: string;
  readonly name: string;
  /** `undefined`: it does not run; everything is zero then. */
  readonly stats: ContainerStats | undefined;
  /** A process in its network namespace; `undefined`: no network of its own. */
  readonly networkPid: number | undefined;
  readonly at: string;
  readonly cgroupV2: boolean;
}

/** One sample in the Engine API's form; `precpu_stats` is zero, the caller who streams fills it from the sample before. */
export function wireStats(facts: StatsFacts): Record<string, unknown> {
  const { stats } = facts;
  const empty = {
    cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
  const base = {
    name: `/${facts.name}`,
    id: facts.id,
    read: stats === undefined ? NEVER : facts.at,
    preread: NEVER,
    num_procs: 0,
    storage_stats: {},
  };
  if (stats === undefined) {
    return {
      ...base,
      pids_stats: {},
      cpu_stats: empty,
      precpu_stats: empty,
      memory_stats: {},
      blkio_stats: NO_BLKIO,
    };
  }
  return {
    ...base,
    pids_stats: { current: stats.pids, ...(stats.pidsLimit > 0 ? { limit: stats.pidsLimit } : {}) },
    cpu_stats: {
      cpu_usage: {
        total_usage: stats.cpuTotalNanos,
        usage_in_kernelmode: stats.cpuSystemNanos,
        usage_in_usermode: stats.cpuUserNanos,
        ...(stats.cpuPerProcessorNanos.length > 0 ? { percpu_usage: stats.cpuPerProcessorNanos } : {}),
      },
      system_cpu_usage: systemCpuNanos(),
      online_cpus: availableParallelism(),
      throttling_data: {
        periods: stats.cpuPeriods,
        throttled_periods: stats.cpuThrottledPeriods,
        throttled_time: stats.cpuThrottledNanos,
      },
    },
    precpu_stats: empty,
    memory_stats: {
      usage: stats.memoryBytes,
      ...(facts.cgroupV2 ? {} : { max_usage: stats.memoryMaxBytes }),
      ...(stats.memoryFailures > 0 ? { failcnt: stats.memoryFailures } : {}),
      stats: { ...stats.memoryStat },
      limit: stats.memoryLimitBytes > 0 ? Math.min(stats.memoryLimitBytes, totalmem()) : totalmem(),
    },
    blkio_stats: {
      ...NO_BLKIO,
      io_service_bytes_recursive: counters(stats.ioBytes),
      // Version 2 has no such counter in Docker's answer.
      io_serviced_recursive: facts.cgroupV2 ? null : counters(stats.ioOperations),
    },
    ...(facts.networkPid === undefined ? {} : { networks: networkCounters(facts.networkPid) }),
  };
}

const NO_BLKIO = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
} as const;

function counters(found: readonly IoCounter[]): unknown {
  return found.map(({ major, minor, operation, value }) => ({ major, minor, op: operation, value }));
}

/** Processor time of the whole machine: the first seven numbers of /proc/stat's `cpu` line, in nanoseconds. */
function systemCpuNanos(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
  const ticks = line.trim().split(/\s+/).slice(1, 8);
  return ticks.reduce((sum, n) => sum + Number(n), 0) * NANOS_PER_TICK;
}

/** Counters of each interface but lo, as /proc/PID/net/dev has them. */
function networkCounters(pid: number): Record<string, Record<string, number>> {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  } catch {
    return {};
  }
  const counters: Record<string, Record<string, number>> = {};
  for (const line of text.split('\n').slice(2)) {
    const [name = '', rest = ''] = line.split(':', 2);
    const n = rest.trim().split(/\s+/).map(Number);
    if (name.trim() === '' || name.trim() === 'lo') continue;
    counters[name.trim()] = {
      rx_bytes: n[0] ?? 0,
      rx_packets: n[1] ?? 0,
      rx_errors: n[2] ?? 0,
      rx_dropped: n[3] ?? 0,
      tx_bytes: n[8] ?? 0,
      tx_packets: n[9] ?? 0,
      tx_errors: n[10] ?? 0,
      tx_dropped: n[11] ?? 0,
    };
  }
  return counters;
}
