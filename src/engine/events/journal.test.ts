import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Logger } from '../../core/log.ts';
import type { EventMessage } from '../../core/wire/resources.ts';
import { createEvents } from './events.ts';
import { openJournal } from './journal.ts';

const event = (n: number): EventMessage => ({
  Type: 'volume',
  Action: `a${n}`,
  Actor: { ID: 'kept', Attributes: { driver: 'local' } },
  scope: 'local',
  time: n,
  timeNano: n * 1e9,
});
const actions = (past: readonly EventMessage[]): string => past.map((e) => e.Action).join(' ');

function place(t: TestContext): {
  path: string;
  warnings: string[];
  open: (keep?: number) => ReturnType<typeof openJournal>;
} {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-journal-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'events.jsonl');
  const warnings: string[] = [];
  const log = { warn: (text: string) => warnings.push(text) } as unknown as Logger;
  return { path, warnings, open: (keep = 3) => openJournal(path, keep, log) };
}

test('what was appended is there for the next, with nobody having closed the file', (t) => {
  const { open, path } = place(t);
  using journal = open();
  assert.deepEqual(journal.past, []);
  journal.append(event(1));
  journal.append(event(2));
  using next = open();
  assert.deepEqual(next.past, [event(1), event(2)]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('the file stays bounded, the last ones are kept', (t) => {
  const { open, path } = place(t);
  using journal = open(3);
  for (let n = 1; n <= 100; n++) {
    journal.append(event(n));
    assert.ok(readFileSync(path, 'utf8').split('\n').length - 1 <= 6);
  }
  using next = open(3);
  assert.equal(actions(next.past), 'a98 a99 a100');
  assert.deepEqual(readdirSync(join(path, '..')), ['events.jsonl']);
});

const odd: [what: string, text: string, expected: string][] = [
  ['a line that was cut off', `${JSON.stringify(event(1))}\n{"Type":"vol`, 'a1'],
  ['zeros where the power went', `${JSON.stringify(event(1))}\n\0\0\0\0\n${JSON.stringify(event(2))}\n`, 'a1 a2'],
  ['lines that are something else', `[]\nnull\n7\n{"Type":"volume"}\n${JSON.stringify(event(3))}`, 'a3'],
  ['nothing', '', ''],
];
for (const [what, text, expected] of odd) {
  test(`a file with ${what} is read as far as it goes`, (t) => {
    const { open, path } = place(t);
    writeFileSync(path, text);
    using journal = open();
    assert.equal(actions(journal.past), expected);
    journal.append(event(9));
    using next = open();
    assert.equal(actions(next.past), `${expected} a9`.trim());
  });
}

test('a disk that takes nothing costs only the memory of events, and is said once', (t) => {
  const { open, path, warnings } = place(t);
  rmSync(join(path, '..'), { recursive: true });
  using journal = open();
  for (let n = 1; n <= 20; n++) journal.append(event(n));
  assert.equal(warnings.length, 1);
});

test('a bus with a journal goes on where the last one was: past events, and times that rise', async (t) => {
  const { open, path } = place(t);
  using journal = open(9);
  const soon = { ...event(1), timeNano: (Date.now() + 500) * 1e6 };
  journal.append(soon);
  appendFileSync(path, '');
  using next = open(9);
  const events = createEvents(next);
  events.publish({ type: 'volume', action: 'create', id: 'v', attributes: {} });
  const seen: EventMessage[] = [];
  const past = events.subscribe({ sinceNanos: 0n, filters: {}, signal: new AbortController().signal });
  for await (const e of past) if (seen.push(e) === 2) break;
  assert.equal(actions(seen), 'a1 create');
  assert.ok((seen[1]?.timeNano ?? 0) > soon.timeNano);
});

test('a clock that was set back far is followed', async (t) => {
  using journal = place(t).open(9);
  journal.append({ ...event(1), timeNano: (Date.now() + 3_600_000) * 1e6 });
  const events = createEvents({
    past: [{ ...event(1), timeNano: (Date.now() + 3_600_000) * 1e6 }],
    append: () => undefined,
  });
  events.publish({ type: 'volume', action: 'create', id: 'v', attributes: {} });
  const seen: EventMessage[] = [];
  const past = events.subscribe({ sinceNanos: 0n, filters: {}, signal: new AbortController().signal });
  for await (const e of past) if (seen.push(e) === 2) break;
  assert.ok(Math.abs((seen[1]?.timeNano ?? 0) / 1e6 - Date.now()) < 60_000);
});
