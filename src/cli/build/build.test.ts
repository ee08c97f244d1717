import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildEvent } from '../../core/wire/build.ts';
import { parseOutput } from './outputs.ts';
import { PlainDisplay } from './plain-display.ts';
import { parseGitSource } from './remote-context.ts';
import { TerminalDisplay } from './terminal-display.ts';

const begin = (id: number, name: string, metadata = false): BuildEvent => ({
  kind: 'step',
  id,
  name,
  metadata,
  line: 1,
});
const output = (id: number, text: string): BuildEvent => ({ kind: 'output', id, stream: 'stdout', text });
const done = (id: number, outcome: 'done' | 'cached' = 'done'): BuildEvent => ({
  kind: 'done',
  id,
  outcome,
  ms: 1234,
  why: '',
});

const SIDE_BY_SIDE: readonly BuildEvent[] = [
  begin(1, '[a 1/2] RUN one'),
  begin(2, '[b 1/2] RUN two'),
  begin(3, '[a] ENV x=y', true),
  output(1, 'first\nsec'),
  output(2, 'other\n'),
  done(3),
  output(1, 'ond\n'),
  done(2),
  begin(4, '[a 2/2] COPY . .'),
  done(1),
  done(4, 'cached'),
];

test('plain progress: one step speaks at a time, the others after it', () => {
  let text = '';
  const display = new PlainDisplay((t) => (text += t));
  for (const event of SIDE_BY_SIDE) display.event(event);
  display.end();
  assert.equal(
    text.replace(/ \d+\.\d{3} /g, ' T '),
    [
      '#1 [a 1/2] RUN one',
      '#1 T first',
      '#1 T second',
      '#1 DONE 1.2s',
      '',
      '#2 [b 1/2] RUN two',
      '#2 T other',
      '#2 DONE 1.2s',
      '',
      '#3 [a 2/2] COPY . .',
      '#3 CACHED',
      '',
      '',
    ].join('\n'),
  );
});

test('progress on a terminal: a row for each step, times at the right edge, nothing wider than the screen', () => {
  let text = '';
  const display = new TerminalDisplay({ write: (t) => (text += t), columns: 40, rows: 24 }, false);
  for (const event of SIDE_BY_SIDE) display.event(event);
  display.end();
  // oxlint-disable-next-line no-control-regex -- what moves the cursor is left out
  const rows = text
    .replace(/\x1b\[[?0-9]*[A-Za-z]/g, '')
    .trimEnd()
    .split('\n');
  assert.match(rows[0] ?? '', /^\[\+\] Building \d+\.\ds \(3\/3\) FINISHED$/);
  assert.equal(rows[3], ' => CACHED [a 2/2] COPY . .         1.2s');
  assert.ok(rows.every((row) => row.length <= 40));
});

for (const [text, want] of [
  ['https://host/r.git', { url: 'https://host/r.git', ref: '', subdirectory: '' }],
  ['https://host/r.git#v1:sub/dir', { url: 'https://host/r.git', ref: 'v1', subdirectory: 'sub/dir' }],
  ['https://host/r.git?branch=b&subdir=d', { url: 'https://host/r.git', ref: 'b', subdirectory: 'd' }],
  ['git@host:o/r', { url: 'git@host:o/r', ref: '', subdirectory: '' }],
  ['github.com/o/r#main', { url: 'https://github.com/o/r', ref: 'main', subdirectory: '' }],
  ['https://host/context.tar.gz', undefined],
  ['./directory', undefined],
] as const) {
  test(`git context ${text}`, () => assert.deepEqual(parseGitSource(text), want));
}

for (const [text, want] of [
  ['out', { type: 'local', dest: 'out', name: undefined, attrs: {} }],
  ['-', { type: 'tar', dest: '-', name: undefined, attrs: {} }],
  ['type=oci,dest=a.tar', { type: 'oci', dest: 'a.tar', name: undefined, attrs: {} }],
  ['type=image,name=a:b', { type: 'image', dest: undefined, name: 'a:b', attrs: {} }],
] as const) {
  test(`output ${text}`, () => assert.deepEqual(parseOutput(text), want));
}
