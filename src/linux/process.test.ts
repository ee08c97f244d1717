import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { test } from 'node:test';
import { decodeWaitStatus, openPidfd, realtimeNanos, reap, signalPidfd, startTimeOf } from './process.ts';

test('wait status to exit code', () => {
  assert.deepEqual(decodeWaitStatus(0), { code: 0, signal: undefined });
  assert.deepEqual(decodeWaitStatus(3 << 8), { code: 3, signal: undefined });
  assert.deepEqual(decodeWaitStatus(9), { code: 137, signal: 9 });
  assert.deepEqual(decodeWaitStatus(11 | 0x80), { code: 139, signal: 11 });
});

test('a pidfd stands for its process until that is reaped', async () => {
  const child = spawn('sleep', ['1000']);
  const pid = child.pid ?? 0;
  const fd = openPidfd(pid) ?? -1;
  assert.ok(fd >= 0 && startTimeOf(pid) !== undefined);
  assert.equal(signalPidfd(fd, 15), true);
  await once(child, 'exit');
  assert.equal(signalPidfd(fd, 0), false);
  assert.equal(openPidfd(pid), undefined);
  assert.equal(startTimeOf(pid), undefined);
  closeSync(fd);
});

test('what is no child of ours cannot be reaped', () => {
  assert.equal(reap(1), 'not-a-child');
});

test('the wall clock in nanoseconds', () => {
  const before = Date.now();
  const now = Number(realtimeNanos() / 1_000_000n);
  assert.ok(now >= before && now <= Date.now());
});
