import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventMessage } from '../../core/wire/resources.ts';
import type { Filters } from '../contract.ts';
import { createEvents } from './events.ts';

const started = {
  type: 'container',
  action: 'start',
  id: 'abc123',
  attributes: { name: 'web', image: 'nginx:1', tier: 'front' },
} as const;
const tagged = { type: 'image', action: 'tag', id: 'sha256:9', attributes: { name: 'nginx:1' } } as const;
const joined = {
  type: 'network',
  action: 'connect',
  id: 'n1',
  attributes: { name: 'bridge', container: 'abc123' },
} as const;
const executed = {
  type: 'container',
  action: 'exec_create: sh -c true',
  id: 'abc123',
  attributes: { name: 'web', image: 'nginx:1' },
} as const;

async function collect(events: AsyncIterable<EventMessage>, count: number): Promise<string[]> {
  const seen: string[] = [];
  if (count === 0) return seen;
  for await (const e of events) {
    seen.push(e.Action);
    if (seen.length === count) break;
  }
  return seen;
}

test('events carry the old field names for containers and images only', async () => {
  const events = createEvents();
  const all = events.subscribe({ filters: {}, signal: new AbortController().signal });
  for (const e of [started, tagged, joined]) events.publish(e);
  const seen: EventMessage[] = [];
  for await (const e of all) if (seen.push(e) === 3) break;
  assert.deepEqual(
    seen.map(({ status, id, from }) => [status, id, from]),
    [
      ['start', 'abc123', 'nginx:1'],
      ['tag', 'sha256:9', undefined],
      [undefined, undefined, undefined],
    ],
  );
  assert.ok(seen.every((e) => e.scope === 'local' && Math.floor(e.timeNano / 1e9) === e.time));
});

const rows: [what: string, filters: Filters, expected: string[]][] = [
  ['nothing', {}, ['start', 'tag', 'connect', 'exec_create: sh -c true']],
  ['a type', { type: ['image', 'network'] }, ['tag', 'connect']],
  ['an action', { event: ['start'] }, ['start']],
  ['an action that carries text', { event: ['exec_create'] }, ['exec_create: sh -c true']],
  ['a container by name', { container: ['web'] }, ['start', 'exec_create: sh -c true']],
  ['a container by prefix of its ID', { container: ['abc'] }, ['start', 'exec_create: sh -c true']],
  ['an image without tag, also of containers', { image: ['nginx'] }, ['start', 'tag', 'exec_create: sh -c true']],
  ['a label with its value', { label: ['tier=front'] }, ['start']],
  ['a label with another value', { label: ['tier=back'] }, []],
  ['two keys: both must hold', { type: ['container'], event: ['start', 'tag'] }, ['start']],
];
for (const [what, filters, expected] of rows)
  test(`filter by ${what}`, async () => {
    const events = createEvents();
    for (const e of [started, tagged, joined, executed]) events.publish(e);
    const until = BigInt(Date.now() + 1) * 1_000_000n;
    const past = events.subscribe({ sinceNanos: 0n, untilNanos: until, filters, signal: new AbortController().signal });
    assert.deepEqual(await collect(past, expected.length), expected);
  });

test('an unknown filter is passed over', async () => {
  const events = createEvents();
  events.publish(started);
  const until = BigInt(Date.now() + 1) * 1_000_000n;
  const filters = { colour: ['x'] };
  const { signal } = new AbortController();
  const past = events.subscribe({ sinceNanos: 0n, untilNanos: until, filters, signal });
  assert.equal((await collect(past, 1)).length, 1);
});

test('since after until is refused', () => {
  const signal = new AbortController().signal;
  const subscribe = () =>
    createEvents().subscribe({ sinceNanos: 2_000_000_000n, untilNanos: 1_000_000_000n, filters: {}, signal });
  assert.throws(subscribe, { message: '`since` time (2) cannot be after `until` time (1)' });
});

test('what is published between subscribing and reading is not lost; past and live come once each', async () => {
  const events = createEvents();
  events.publish(started);
  const both = events.subscribe({ sinceNanos: 0n, filters: {}, signal: new AbortController().signal });
  events.publish(tagged);
  assert.deepEqual(await collect(both, 2), ['start', 'tag']);
});

test('only the last 1024 are remembered', async () => {
  const events = createEvents();
  for (let i = 0; i < 1068; i++) events.publish({ ...started, action: `a${i}` });
  const past = events.subscribe({ sinceNanos: 0n, filters: {}, signal: new AbortController().signal });
  assert.equal((await collect(past, 1))[0], 'a44');
});

test('an abort ends the stream after what was already there', async () => {
  const events = createEvents();
  const abort = new AbortController();
  const live = events.subscribe({ filters: {}, signal: abort.signal });
  events.publish(started);
  abort.abort();
  events.publish(tagged);
  assert.deepEqual(await collect(live, 9), ['start']);
});

test('until in the past replays and ends', async () => {
  const events = createEvents();
  events.publish(started);
  await new Promise((r) => setTimeout(r, 2));
  const past = events.subscribe({
    untilNanos: BigInt(Date.now()) * 1_000_000n,
    filters: {},
    signal: new AbortController().signal,
  });
  assert.deepEqual(await collect(past, 9), ['start']);
});
