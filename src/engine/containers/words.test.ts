import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration } from './health-monitor.ts';
import { parseSize } from './log-drivers.ts';
import { commandText } from './list.ts';
import { checkName, randomName } from './names.ts';
import { parseSignal } from './signals.ts';
import type { ContainerState } from './state.ts';
import { humanDuration } from '../../core/human.ts';
import { statusText } from './status-text.ts';
import { formatNanos } from './time.ts';
import { parsePs } from './top.ts';
import { parseUntil } from '../until.ts';

const DURATIONS: [number, string][] = [
  [0, 'Less than a second'],
  [1_000, '1 second'],
  [59_999, '59 seconds'],
  [60_000, 'About a minute'],
  [119_000, 'About a minute'],
  [120_000, '2 minutes'],
  [59 * 60_000, '59 minutes'],
  [60 * 60_000, 'About an hour'],
  [47 * 3_600_000, '47 hours'],
  [48 * 3_600_000, '2 days'],
  [14 * 86_400_000, '2 weeks'],
  [60 * 86_400_000, '2 months'],
  [730 * 86_400_000, '2 years'],
];
for (const [ms, words] of DURATIONS)
  test(`${ms} ms is "${words}"`, () => assert.equal(humanDuration(ms / 1000), words));

test('status texts', () => {
  const now = Date.parse('2026-01-01T00:00:10Z');
  const startedAt = '2026-01-01T00:00:05Z';
  const ran = { startedAt, exit: { code: 2, at: '2026-01-01T00:00:07Z', oomKilled: false } };
  const text = (state: ContainerState, health?: 'starting' | 'healthy' | 'unhealthy') => statusText(state, health, now);
  assert.equal(text({ kind: 'created', failure: null }), 'Created');
  assert.equal(text({ kind: 'running', pid: 1, startedAt, ran: null }), 'Up 5 seconds');
  assert.equal(text({ kind: 'running', pid: 1, startedAt, ran: null }, 'starting'), 'Up 5 seconds (health: starting)');
  assert.equal(text({ kind: 'running', pid: 1, startedAt, ran: null }, 'healthy'), 'Up 5 seconds (healthy)');
  assert.equal(text({ kind: 'paused', pid: 1, startedAt, ran: null }), 'Up 5 seconds (Paused)');
  assert.equal(text({ kind: 'exited', ran, failure: null }), 'Exited (2) 3 seconds ago');
  assert.equal(text({ kind: 'restarting', ran, retryAt: '' }), 'Restarting (2) 3 seconds ago');
  assert.equal(text({ kind: 'dead', ran }), 'Dead');
});

const SIGNALS: [string, number | undefined][] = [
  ['KILL', 9],
  ['SIGKILL', 9],
  ['sigterm', 15],
  ['15', 15],
  ['0', undefined],
  ['65', undefined],
  ['RTMIN', 34],
  ['SIGRTMIN+3', 37],
  ['RTMAX-1', 63],
  ['RTMAX+1', undefined],
  ['FOO', undefined],
  ['', undefined],
];
for (const [text, number] of SIGNALS) test(`signal "${text}"`, () => assert.equal(parseSignal(text), number));

for (const [text, bytes] of [
  ['10m', 10_485_760],
  ['10MB', 10_485_760],
  ['1.5k', 1536],
  ['512', 512],
  ['2GiB', 2_147_483_648],
  ['7b', 7],
] as const) {
  test(`size ${text}`, () => assert.equal(parseSize(text), bytes));
}

test('names', () => {
  assert.equal(checkName('/web_1'), 'web_1');
  for (const bad of ['b', '', '-ab', 'a b', 'a/b']) assert.throws(() => checkName(bad), /Invalid container name/);
  assert.match(
    randomName(() => false, 'x'),
    /^[a-z]+_[a-z]+$/,
  );
  assert.equal(
    randomName(() => true, 'fallback'),
    'fallback',
  );
});

test('times have nanoseconds without trailing zeros', () => {
  assert.equal(formatNanos(1_500_000_000n), '1970-01-01T00:00:01.5Z');
  assert.equal(formatNanos(2_000_000_001n), '1970-01-01T00:00:02.000000001Z');
  assert.equal(formatNanos(3_000_000_000n), '1970-01-01T00:00:03Z');
});

test('Go durations', () => {
  assert.equal(goDuration(500), '500ms');
  assert.equal(goDuration(30_000), '30s');
  assert.equal(goDuration(90_000), '1m30s');
  assert.equal(goDuration(3_600_000), '1h0m0s');
});

test('a command in one line', () => assert.equal(commandText(['sh', '-c', 'echo a b']), "sh -c 'echo a b'"));

test('until', () => {
  assert.equal(parseUntil({}, 1000), undefined);
  assert.equal(parseUntil({ until: ['1m30s'] }, 100_000), 10_000);
  assert.equal(parseUntil({ until: ['12'] }, 0), 12_000);
  assert.equal(parseUntil({ until: ['1970-01-01T00:00:05Z'] }, 0), 5000);
  assert.throws(() => parseUntil({ until: ['soon'] }, 0), /failed to parse/);
});

test('ps: only the processes asked for; the command keeps its blanks', () => {
  const output = 'UID PID CMD\nroot 1 init\nroot 22 sh -c  x y\n';
  assert.deepEqual(parsePs(output, [22]), { Titles: ['UID', 'PID', 'CMD'], Processes: [['root', '22', 'sh -c x y']] });
  assert.throws(() => parsePs('UID CMD\n', []), /Couldn't find PID field/);
});
