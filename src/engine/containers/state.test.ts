import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WharfError } from '../../core/errors.ts';
import type { ContainerEvent, ContainerState } from './state.ts';
import { exitCodeOf, next, wireState } from './state.ts';

const exit = { code: 3, at: '2026-01-02T03:04:06Z', oomKilled: false };
const ran = { startedAt: '2026-01-02T03:04:05Z', exit };
const failure = { message: 'no', exitCode: 127 };
const STATES = {
  created: { kind: 'created', failure: null },
  running: { kind: 'running', pid: 7, startedAt: ran.startedAt, ran: null },
  paused: { kind: 'paused', pid: 7, startedAt: ran.startedAt, ran: null },
  restarting: { kind: 'restarting', ran, retryAt: '2026-01-02T03:04:07Z' },
  exited: { kind: 'exited', ran, failure: null },
  removing: { kind: 'removing', ran },
  dead: { kind: 'dead', ran },
} satisfies Record<string, ContainerState>;
const EVENTS = {
  started: { kind: 'started', pid: 9, at: '2026-01-02T03:05:00Z' },
  startFailed: { kind: 'startFailed', failure },
  startFailedToRetry: { kind: 'startFailed', failure, retryAt: '2026-01-02T03:04:09Z' },
  paused: { kind: 'paused' },
  unpaused: { kind: 'unpaused' },
  died: { kind: 'died', exit, retryAt: null },
  diedToRestart: { kind: 'died', exit, retryAt: '2026-01-02T03:04:07Z' },
  restartCancelled: { kind: 'restartCancelled' },
  removalBegun: { kind: 'removalBegun' },
  removalFailed: { kind: 'removalFailed' },
} satisfies Record<string, ContainerEvent>;

/** What each event makes of each state; what is not named here is refused. */
const TABLE: Record<keyof typeof STATES, Partial<Record<keyof typeof EVENTS, ContainerState['kind']>>> = {
  created: { started: 'running', startFailed: 'created', startFailedToRetry: 'created', removalBegun: 'removing' },
  running: { paused: 'paused', died: 'exited', diedToRestart: 'restarting' },
  paused: { unpaused: 'running', died: 'exited', diedToRestart: 'restarting' },
  restarting: {
    started: 'running',
    startFailed: 'exited',
    startFailedToRetry: 'restarting',
    restartCancelled: 'exited',
  },
  exited: { started: 'running', startFailed: 'exited', startFailedToRetry: 'exited', removalBegun: 'removing' },
  removing: { removalFailed: 'dead' },
  dead: { removalBegun: 'removing' },
};

for (const [from, state] of Object.entries(STATES)) {
  for (const [name, event] of Object.entries(EVENTS)) {
    const expected = TABLE[from as keyof typeof STATES][name as keyof typeof EVENTS];
    test(`${from} + ${name} -> ${expected ?? 'refused'}`, () => {
      if (expected === undefined)
        assert.throws(
          () => next(state, event),
          (e) => e instanceof WharfError,
        );
      else assert.equal(next(state, event).kind, expected);
    });
  }
}

test('a failed start shows its reason and exit code, and keeps the run before', () => {
  const state = next(STATES.exited, EVENTS.startFailed);
  const wire = wireState(state, undefined);
  assert.equal(wire.Error, 'no');
  assert.equal(wire.ExitCode, 127);
  assert.equal(wire.StartedAt, ran.startedAt);
  assert.equal(wire.FinishedAt, exit.at);
});

test('flags overlap as in Docker', () => {
  const flags = (s: ContainerState) => {
    const { Running, Paused, Restarting, Pid } = wireState(s, undefined);
    return { Running, Paused, Restarting, Pid };
  };
  assert.deepEqual(flags(STATES.paused), { Running: true, Paused: true, Restarting: false, Pid: 7 });
  assert.deepEqual(flags(STATES.restarting), { Running: true, Paused: false, Restarting: true, Pid: 0 });
});

test('a container that runs again shows no exit code, but when it last ended', () => {
  const again = next(STATES.exited, EVENTS.started);
  assert.equal(exitCodeOf(again), 0);
  assert.equal(wireState(again, undefined).FinishedAt, exit.at);
});

test('never started: the zero time', () => {
  const wire = wireState(STATES.created, undefined);
  assert.equal(wire.StartedAt, '0001-01-01T00:00:00Z');
  assert.equal(wire.FinishedAt, '0001-01-01T00:00:00Z');
});
