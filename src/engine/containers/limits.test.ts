import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostConfig } from '../../core/wire/container.ts';
import { type LimitFacts, parseSet, possibleLimits } from './limits.ts';
import { checkHostConfig } from './validate.ts';

const MIB = 1024 * 1024;
const able: LimitFacts = {
  controllers: ['cpu', 'cpuset', 'memory', 'pids', 'blkio'],
  limits: { swap: true, swappiness: true, oomKillDisable: true, blkioWeight: true, cpuRealtime: true },
  cpus: 2,
  onlineCpus: '0-1',
  onlineMemoryNodes: '0',
};
const unable: LimitFacts = {
  ...able,
  controllers: [],
  limits: { swap: false, swappiness: false, oomKillDisable: false, blkioWeight: false, cpuRealtime: false },
};

const REFUSED: [HostConfig, RegExp][] = [
  [{ Memory: MIB }, /Minimum memory limit allowed is 6MB/],
  [{ MemorySwap: 10 * MIB }, /You should always set the Memory limit when using Memoryswap limit, see usage/],
  [
    { Memory: 20 * MIB, MemorySwap: 10 * MIB },
    /Minimum memoryswap limit should be larger than memory limit, see usage/,
  ],
  [{ Memory: 20 * MIB, MemoryReservation: 30 * MIB }, /can not be less than memory reservation limit, see usage/],
  [{ MemorySwappiness: 101 }, /Invalid value: 101, valid memory swappiness range is 0-100/],
  [{ NanoCpus: 3e9 }, /range of CPUs is from 0\.01 to 2\.00, as there are only 2 CPUs available/],
  [{ NanoCpus: 1e9, CpuQuota: 5000 }, /Conflicting options: Nano CPUs and CPU Quota cannot both be set/],
  [{ CpuQuota: 10 }, /CPU cfs quota can not be less than 1ms/],
  [{ CpuPeriod: 10 }, /CPU cfs period can not be less than 1ms/],
  [{ CpuRealtimePeriod: 10, CpuRealtimeRuntime: 20 }, /cpu real-time runtime cannot be higher/],
  [{ CpusetCpus: '9' }, /Requested CPUs are not available - requested 9, available: 0-1/],
  [{ CpusetCpus: 'all' }, /Invalid value all for cpuset cpus/],
  [{ CpusetMems: '0-4' }, /Requested memory nodes are not available - requested 0-4, available: 0/],
  [{ BlkioWeight: 5 }, /Range of blkio weight is from 10 to 1000/],
  [{ BlkioDeviceReadBps: [{ Path: 'sda', Rate: 1 }] }, /invalid BlkioDeviceReadBps/],
];
for (const [host, message] of REFUSED) {
  test(`${JSON.stringify(host)} is refused`, () => assert.throws(() => possibleLimits(host, able), message));
}

test('what the kernel cannot limit is dropped with a warning', () => {
  const asked = {
    Memory: 20 * MIB,
    MemorySwappiness: 10,
    OomKillDisable: true,
    CpuShares: 5,
    CpuPeriod: 100_000,
    CpuQuota: 50_000,
    CpusetCpus: '0',
    CpusetMems: '0',
    BlkioWeight: 20,
    PidsLimit: 5,
    BlkioDeviceWriteIOps: [{ Path: '/dev/vda', Rate: 1 }],
  };
  const { host, warnings } = possibleLimits(asked, unable);
  assert.deepEqual(
    [host.Memory, host.MemorySwap, host.MemorySwappiness, host.OomKillDisable, host.CpuShares, host.BlkioWeight],
    [0, -1, null, null, 0, 0],
  );
  assert.deepEqual([host.PidsLimit, host.BlkioDeviceWriteIOps], [null, []]);
  assert.deepEqual([host.CpuPeriod, host.CpuQuota, host.CpusetCpus, host.CpusetMems], [0, 0, '', '']);
  assert.equal(warnings.length, 10);
  assert.deepEqual(possibleLimits(asked, able).warnings, []);
  const noSwap = possibleLimits({ Memory: 20 * MIB }, { ...able, limits: { ...able.limits, swap: false } });
  assert.match(noSwap.warnings[0] ?? '', /does not support swap limit capabilities .* Memory limited without swap/);
});

test('sets of processors', () => {
  assert.deepEqual([...(parseSet('0-2,5') ?? [])], [0, 1, 2, 5]);
  assert.equal(parseSet('2-1'), undefined);
  assert.equal(parseSet('0-99999999'), undefined);
  assert.equal(parseSet(''), undefined);
});

const WRONG_HOST: [HostConfig, RegExp][] = [
  [{ PidMode: 'other' }, /invalid PID mode: other/],
  [{ IpcMode: 'container:' }, /invalid IPC mode: container:/],
  [{ UTSMode: 'x' }, /invalid UTS mode: x/],
  [{ UsernsMode: 'keep-id' }, /invalid user namespace mode: keep-id/],
  [{ CgroupnsMode: 'x' }, /invalid cgroup namespace mode: x/],
  [{ Ulimits: [{ Name: 'nope', Soft: 1, Hard: 1 }] }, /invalid ulimit type: nope/],
  [{ Ulimits: [{ Name: 'nofile', Soft: 2, Hard: 1 }] }, /ulimit soft limit must be less than or equal to hard limit/],
  [{ Sysctls: { 'vm.swappiness': '1' } }, /sysctl "vm\.swappiness" is not in a separate kernel namespace/],
  [{ Sysctls: { 'net.core.somaxconn': '1' }, NetworkMode: 'host' }, /not allowed in host network namespace/],
  [{ DeviceCgroupRules: ['c 1:3'] }, /invalid device cgroup rule format: 'c 1:3'/],
  [{ StorageOpt: { size: '1g' } }, /--storage-opt is supported only for overlay over xfs/],
  [{ OomScoreAdj: 1001 }, /Invalid value 1001, range for oom score adj is \[-1000, 1000\]/],
];
for (const [host, message] of WRONG_HOST) {
  test(`${JSON.stringify(host)} is refused`, () => assert.throws(() => checkHostConfig(host, {}), message));
}
