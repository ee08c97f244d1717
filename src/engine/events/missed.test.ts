import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventMessage } from '../../core/wire/resources.ts';
import type { ContainerRecord } from '../containers/record.ts';
import type { ContainerState } from '../containers/state.ts';
import { missedEvents } from './missed.ts';

const at = (second: number): string => new Date(second * 1000).toISOString();
const run = { startedAt: at(20), exit: { code: 3, at: at(30), oomKilled: false } };
const created: ContainerState = { kind: 'created', failure: null };
const running: ContainerState = { kind: 'running', pid: 1, startedAt: at(20), ran: null };
const exited: ContainerState = { kind: 'exited', ran: run, failure: null };

const record = (state: ContainerState, createdAt = 10) =>
  ({ id: 'c', name: 'web', createdAt: at(createdAt), state }) as unknown as ContainerRecord;
const event = (Action: string, second: number, ID = 'c'): EventMessage => ({
  Type: 'container',
  Action,
  Actor: { ID, Attributes: { name: 'web', image: 'busybox', exitCode: '0' } },
  scope: 'local',
  time: second,
  timeNano: second * 1e9,
});
const other = event('exec_start: true', 5, 'other');
const life = (...actions: string[]) => [other, ...actions.map((action, i) => event(action, 11 + i))];

const rows: [what: string, past: readonly EventMessage[], records: readonly ContainerRecord[], missed: string[]][] = [
  ['nothing is remembered', [], [record(running)], []],
  ['all was told of a running one', life('create', 'start'), [record(running)], []],
  ['all was told of an ended one', life('create', 'start', 'die'), [record(exited)], []],
  ['all was told of a removed one', life('create', 'start', 'die', 'destroy'), [], []],
  ['a creation was not told', life(), [record(created)], ['create']],
  ['a creation older than what is remembered', [event('exec_start: true', 15, 'other')], [record(created)], []],
  ['a start was not told', life('create'), [record(running)], ['start']],
  ['a second start was not told', life('create', 'start', 'die'), [record(running)], ['start']],
  ['an end was not told', life('create', 'start'), [record(exited)], ['die']],
  ['an end of one that began long ago', [event('exec_start: true', 25, 'other')], [record(exited)], ['die']],
  ['an end long ago', [event('exec_start: true', 35, 'other')], [record(exited)], []],
  ['a start that failed', life('create', 'die'), [record(created)], []],
  ['a removal was not told', life('create', 'start', 'die'), [], ['destroy']],
  ['a removal of one that never ran', life('create'), [], ['destroy']],
];
for (const [what, past, records, expected] of rows) {
  test(`missed events: ${what}`, () => {
    const found = missedEvents(past, records);
    assert.deepEqual(
      found.map((m) => m.action),
      expected,
    );
    for (const m of found) {
      if (m.action === 'destroy') assert.deepEqual(m.attributes, { name: 'web', image: 'busybox' });
    }
  });
}
