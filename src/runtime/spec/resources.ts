import { statSync } from 'node:fs';
import { invalidParameter } from '../../core/errors.ts';
import { majorOf, minorOf } from '../../linux/index.ts';
import type { ResourceInput } from './input.ts';
import type { OciResources } from './oci-spec.ts';

/**
 * The resources section for `create` and `update`, without device rules. What is not set is not there.
 * @throws {WharfError} `INVALID_PARAMETER` at a block device that does not exist
 */
export function buildResources(input: ResourceInput): OciResources {
  const memory: NonNullable<OciResources['memory']> = {};
  const cpu: NonNullable<OciResources['cpu']> = {};
  const resources: OciResources = {};
  if (input.memoryBytes) {
    memory.limit = input.memoryBytes;
    // Docker's rule: as much swap again unless it says otherwise.
    if (!input.memorySwapBytes) memory.swap = input.memoryBytes * 2;
  }
  if (input.memorySwapBytes) memory.swap = input.memorySwapBytes;
  if (input.memoryReservationBytes) memory.reservation = input.memoryReservationBytes;
  if (input.memorySwappiness !== undefined && input.memorySwappiness >= 0) memory.swappiness = input.memorySwappiness;
  if (input.oomKillDisable) memory.disableOOMKiller = true;
  if (input.cpuShares) cpu.shares = input.cpuShares;
  if (input.cpuQuotaMicros) cpu.quota = input.cpuQuotaMicros;
  if (input.cpuPeriodMicros) cpu.period = input.cpuPeriodMicros;
  if (input.cpuRealtimePeriodMicros) cpu.realtimePeriod = input.cpuRealtimePeriodMicros;
  if (input.cpuRealtimeRuntimeMicros) cpu.realtimeRuntime = input.cpuRealtimeRuntimeMicros;
  if (input.cpusetCpus) cpu.cpus = input.cpusetCpus;
  if (input.cpusetMems) cpu.mems = input.cpusetMems;
  if (Object.keys(memory).length > 0) resources.memory = memory;
  if (Object.keys(cpu).length > 0) resources.cpu = cpu;
  if (input.pidsLimit) resources.pids = { limit: input.pidsLimit };
  const blockIO = blockIoOf(input);
  if (Object.keys(blockIO).length > 0) resources.blockIO = blockIO;
  return resources;
}

const THROTTLES = {
  readBps: 'throttleReadBpsDevice',
  writeBps: 'throttleWriteBpsDevice',
  readIops: 'throttleReadIOPSDevice',
  writeIops: 'throttleWriteIOPSDevice',
} as const;

function blockIoOf(input: ResourceInput): NonNullable<OciResources['blockIO']> {
  const blockIO: NonNullable<OciResources['blockIO']> = {};
  if (input.blkioWeight) blockIO.weight = input.blkioWeight;
  if (input.blkioWeightDevices?.length) {
    blockIO.weightDevice = input.blkioWeightDevices.map(({ path, weight }) => ({ ...blockDevice(path), weight }));
  }
  for (const kind of ['readBps', 'writeBps', 'readIops', 'writeIops'] as const) {
    const limits = input.blkioThrottle?.[kind];
    if (limits?.length) blockIO[THROTTLES[kind]] = limits.map(({ path, rate }) => ({ ...blockDevice(path), rate }));
  }
  return blockIO;
}

function blockDevice(path: string): { major: number; minor: number } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw invalidParameter({ message: `stat ${path}: no such file or directory` });
  if (!stat.isBlockDevice()) throw invalidParameter({ message: `${path} is not a block device` });
  return { major: majorOf(stat.rdev), minor: minorOf(stat.rdev) };
}
