import type { Resources, RestartPolicy } from '../../core/wire/container.ts';
import { arity, command } from '../command.ts';
import { forEach } from '../each.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { parseRestart, swapBytes } from '../spec/limits.ts';

export const update = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  arity: arity.atLeast(1),
  examples: [['More memory for a running container', 'wharf update -m 1g --memory-swap 2g web']],
  options: {
    blkioWeight: flag.uint16('--blkio-weight', 'Block IO (relative weight), between 10 and 1000, or 0 to disable', {
      default: '0',
    }),
    cpuPeriod: flag.int('--cpu-period', 'Limit CPU CFS (Completely Fair Scheduler) period'),
    cpuQuota: flag.int('--cpu-quota', 'Limit CPU CFS (Completely Fair Scheduler) quota'),
    cpuRtPeriod: flag.int('--cpu-rt-period', 'Limit the CPU real-time period in microseconds'),
    cpuRtRuntime: flag.int('--cpu-rt-runtime', 'Limit the CPU real-time runtime in microseconds'),
    cpuShares: flag.int('-c, --cpu-shares', 'CPU shares (relative weight)'),
    cpus: flag.decimal('--cpus', 'Number of CPUs'),
    cpusetCpus: flag.string('--cpuset-cpus', 'CPUs in which to allow execution (0-3, 0,1)'),
    cpusetMems: flag.string('--cpuset-mems', 'MEMs in which to allow execution (0-3, 0,1)'),
    memory: flag.bytes('-m, --memory', 'Memory limit'),
    memoryReservation: flag.bytes('--memory-reservation', 'Memory soft limit'),
    memorySwap: flag.string('--memory-swap', 'Swap limit equal to memory plus swap: -1 to enable unlimited swap', {
      type: 'bytes',
      check: swapBytes,
    }),
    pidsLimit: flag.int('--pids-limit', 'Tune container pids limit (set -1 for unlimited)'),
    restart: flag.string('--restart', 'Restart policy to apply when a container exits'),
  },
  async run({ args, options, given }, context) {
    if (given.size === 0) throw new ExitError('you must provide one or more flags when using this command', 1);
    const change: Resources & { RestartPolicy?: RestartPolicy } = {};
    if (options.blkioWeight !== undefined) change.BlkioWeight = options.blkioWeight;
    if (options.cpuPeriod !== undefined) change.CpuPeriod = options.cpuPeriod;
    if (options.cpuQuota !== undefined) change.CpuQuota = options.cpuQuota;
    if (options.cpuRtPeriod !== undefined) change.CpuRealtimePeriod = options.cpuRtPeriod;
    if (options.cpuRtRuntime !== undefined) change.CpuRealtimeRuntime = options.cpuRtRuntime;
    if (options.cpuShares !== undefined) change.CpuShares = options.cpuShares;
    if (options.cpus !== undefined) change.NanoCpus = Math.round(options.cpus * 1e9);
    if (options.cpusetCpus !== undefined) change.CpusetCpus = options.cpusetCpus;
    if (options.cpusetMems !== undefined) change.CpusetMems = options.cpusetMems;
    if (options.memory !== undefined) change.Memory = options.memory;
    if (options.memoryReservation !== undefined) change.MemoryReservation = options.memoryReservation;
    if (options.memorySwap !== undefined) change.MemorySwap = swapBytes(options.memorySwap);
    if (options.pidsLimit !== undefined) change.PidsLimit = options.pidsLimit;
    if (options.restart !== undefined) change.RestartPolicy = parseRestart(options.restart);
    const warnings: string[] = [];
    const code = await forEach(args, context, async (name) => {
      const { Warnings } = await context.client.containers.update(name, change);
      warnings.push(...(Warnings ?? []));
    });
    for (const warning of warnings) context.warn(warning);
    return code;
  },
});
