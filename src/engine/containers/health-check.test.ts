import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthState } from '../../core/wire/container.ts';
import { afterProbe, healthCheckOf, INITIAL_HEALTH, ProbeOutput, probeDelay } from './health-check.ts';

const check = healthCheckOf({ Test: ['CMD-SHELL', 'true'], StartPeriod: 10e9, Interval: 60e9 }, null);
assert.ok(check !== undefined);
const result = (ExitCode: number) => ({ Start: '', End: '', ExitCode, Output: '' });
const after = (codes: readonly number[], sinceStartMs: number, from: HealthState = INITIAL_HEALTH) =>
  codes.reduce((health, code) => afterProbe(health, result(code), check, sinceStartMs), from);

test('defaults and forms', () => {
  assert.deepEqual(check.argv, ['/bin/sh', '-c', 'true']);
  assert.equal(check.timeoutMs, 30_000);
  assert.equal(check.retries, 3);
  assert.deepEqual(healthCheckOf({ Test: ['CMD', 'a', 'b'] }, null)?.argv, ['a', 'b']);
  assert.deepEqual(healthCheckOf({ Test: ['CMD-SHELL', 'x'] }, ['/bin/bash', '-c'])?.argv, ['/bin/bash', '-c', 'x']);
  for (const none of [undefined, {}, { Test: [] }, { Test: ['NONE'] }])
    assert.equal(healthCheckOf(none, null), undefined);
});

test('success is healthy at once', () => assert.equal(after([0], 0).Status, 'healthy'));
test('failures in the start period do not count', () => {
  const health = after([1, 1, 1, 1], 5_000);
  assert.equal(health.Status, 'starting');
  assert.equal(health.FailingStreak, 0);
});
test('after it three in a row are unhealthy, two are not', () => {
  assert.equal(after([1, 1], 20_000).Status, 'starting');
  assert.equal(after([1, 1, 1], 20_000).Status, 'unhealthy');
});
test('once healthy, failures count in the start period too, and nothing goes back to starting', () => {
  assert.equal(after([0, 1, 1], 5_000).Status, 'healthy');
  assert.equal(after([0, 1, 1, 1], 5_000).Status, 'unhealthy');
});
test('a success ends the streak', () => assert.equal(after([1, 1, 0, 1, 1], 20_000).FailingStreak, 2));
test('the last five results are kept', () => {
  const codes = after([0, 1, 2, 0, 3, 4, 5], 20_000).Log?.map((entry) => entry.ExitCode);
  assert.deepEqual(codes, [2, 0, 3, 4, 5]);
});
test('pace: the start interval while starting', () => {
  assert.equal(probeDelay(INITIAL_HEALTH, check, 0), 5_000);
  assert.equal(probeDelay(INITIAL_HEALTH, check, 10_000), 60_000);
  assert.equal(probeDelay(after([0], 0), check, 0), 60_000);
});
test('output is cut at 4096 bytes', () => {
  const output = new ProbeOutput();
  output.add(Buffer.alloc(4000, 'a'));
  output.add(Buffer.alloc(4000, 'b'));
  assert.equal(output.toString().length, 4099);
  assert.ok(output.toString().endsWith('b...'));
});
