import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cgroupStats, detectCgroups } from './cgroup.ts';

const line = (target: string, type: string, options: string) =>
  `30 24 0:26 / ${target} rw,relatime shared:4 - ${type} ${type} ${options}`;
const V1 = [
  line('/x/memory', 'cgroup', 'rw,memory'),
  line('/x/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
  line('/x/systemd', 'cgroup', 'rw,xattr,release_agent=/lib/agent,name=systemd'),
];

test('a host with controllers of version 1 only', () => {
  const host = detectCgroups(V1.join('\n'));
  assert.equal(host.mode, 'v1');
  assert.deepEqual(host.controllers, ['cpu', 'cpuacct', 'memory']);
  assert.equal(host.mounts.get('cpuacct'), '/x/cpu,cpuacct');
  assert.equal(host.mounts.get('name=systemd'), '/x/systemd');
});

test('with a version 2 tree beside them, and with that alone', () => {
  const unified = line('/nowhere/unified', 'cgroup2', 'rw,nsdelegate');
  assert.equal(detectCgroups([...V1, unified].join('\n')).mode, 'hybrid');
  const pure = detectCgroups(unified);
  assert.deepEqual([pure.mode, pure.mounts.get('')], ['v2', '/nowhere/unified']);
});

test('counters of a version 2 group, by device', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-cgroup-'));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(
    join(root, 'io.stat'),
    '254:0 rbytes=4096 wbytes=8 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=0\n',
  );
  writeFileSync(join(root, 'cpu.stat'), 'usage_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 7\n');
  writeFileSync(join(root, 'memory.events'), 'low 0\nmax 4\noom 0\n');
  const stats = cgroupStats({ mode: 'v2', mounts: new Map([['', root]]), controllers: [] }, '');
  assert.deepEqual([stats.ioReadBytes, stats.ioWriteBytes, stats.memoryFailures], [4097, 8, 4]);
  assert.deepEqual([stats.cpuPeriods, stats.cpuThrottledPeriods, stats.cpuThrottledNanos], [3, 2, 7000]);
  assert.deepEqual(stats.ioOperations[1], { major: 254, minor: 0, operation: 'write', value: 2 });
});

test('counters of a version 1 group', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-cgroup-'));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'blkio.throttle.io_service_bytes_recursive'), '254:0 Read 5\n254:0 Write 6\nTotal 11\n');
  writeFileSync(join(root, 'cpuacct.usage_percpu'), '10 20 \n');
  const mounts = new Map(['cpu', 'cpuacct', 'memory', 'blkio', 'pids'].map((name) => [name, root]));
  const stats = cgroupStats({ mode: 'v1', mounts, controllers: [] }, '');
  assert.deepEqual(stats.cpuPerProcessorNanos, [10, 20]);
  assert.deepEqual(
    stats.ioBytes.map((c) => [c.major, c.operation, c.value]),
    [
      [254, 'read', 5],
      [254, 'write', 6],
    ],
  );
});
