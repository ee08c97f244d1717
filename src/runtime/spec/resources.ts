import type { ResourceInput } from './input.ts';
import type { OciResources } from './oci-spec.ts';

/** The resources section for `create` and `update`, without device rules. What is not set is not there. */
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
  if (input.cpusetCpus) cpu.cpus = input.cpusetCpus;
  if (input.cpusetMems) cpu.mems = input.cpusetMems;
  if (Object.keys(memory).length > 0) resources.memory = memory;
  if (Object.keys(cpu).length > 0) resources.cpu = cpu;
  if (input.pidsLimit) resources.pids = { limit: input.pidsLimit };
  if (input.blkioWeight) resources.blockIO = { weight: input.blkioWeight };
  return resources;
}
