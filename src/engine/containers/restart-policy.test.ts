import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RestartPolicy } from '../../core/wire/container.ts';
import { restartDelay, startsAtBoot } from './restart-policy.ts';

const run = { exitCode: 1, ranForMs: 50, restartCount: 0, lastDelayMs: 0, cancelled: false };
const always: RestartPolicy = { Name: 'always' };

const DELAYS: [string, RestartPolicy | undefined, Partial<typeof run>, number | null][] = [
  ['no policy', undefined, {}, null],
  ['no', { Name: 'no' }, {}, null],
  ['the empty policy', { Name: '' }, {}, null],
  ['always, first', always, {}, 100],
  ['always, also at exit code 0', always, { exitCode: 0 }, 100],
  ['the delay doubles', always, { lastDelayMs: 100 }, 200],
  ['up to a minute', always, { lastDelayMs: 51_200 }, 60_000],
  ['and stays there', always, { lastDelayMs: 60_000 }, 60_000],
  ['a run of ten seconds resets it', always, { lastDelayMs: 60_000, ranForMs: 10_000 }, 100],
  ['just under ten seconds does not', always, { lastDelayMs: 400, ranForMs: 9_999 }, 800],
  ['stopped by hand', always, { cancelled: true }, null],
  ['unless-stopped', { Name: 'unless-stopped' }, {}, 100],
  ['on-failure after success', { Name: 'on-failure' }, { exitCode: 0 }, null],
  ['on-failure without a limit', { Name: 'on-failure' }, { restartCount: 1000 }, 100],
  ['on-failure:3, third time', { Name: 'on-failure', MaximumRetryCount: 3 }, { restartCount: 2 }, 100],
  ['on-failure:3, used up', { Name: 'on-failure', MaximumRetryCount: 3 }, { restartCount: 3 }, null],
];
for (const [name, policy, facts, expected] of DELAYS) {
  test(`delay: ${name}`, () => assert.equal(restartDelay(policy, { ...run, ...facts }), expected));
}

const ended = { exitCode: 137, everRan: true, manuallyStopped: false };
const BOOT: [string, RestartPolicy, Partial<typeof ended>, boolean][] = [
  ['always', always, {}, true],
  ['always, even stopped by hand', always, { manuallyStopped: true }, true],
  ['always, never started', always, { everRan: false }, false],
  ['unless-stopped', { Name: 'unless-stopped' }, {}, true],
  ['unless-stopped, stopped by hand', { Name: 'unless-stopped' }, { manuallyStopped: true }, false],
  ['on-failure after a failure', { Name: 'on-failure' }, {}, true],
  ['on-failure after success', { Name: 'on-failure' }, { exitCode: 0 }, false],
  ['no', { Name: 'no' }, {}, false],
];
for (const [name, policy, facts, expected] of BOOT) {
  test(`boot: ${name}`, () => assert.equal(startsAtBoot(policy, { ...ended, ...facts }), expected));
}
