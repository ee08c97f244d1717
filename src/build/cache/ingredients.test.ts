import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from './ingredients.ts';

const before = { base: 'sha256:1', instruction: 'RUN make', 'variable V': '1', 'file a.c': 'x', 'file b.c': 'y' };

for (const [name, now, want] of [
  ['nothing', before, 'its result is no longer in the cache'],
  ['the base', { ...before, base: 'sha256:2' }, 'what it stands on changed: sha256:2'],
  ['the instruction', { ...before, instruction: 'RUN make all' }, 'the instruction changed'],
  ['a variable', { ...before, 'variable V': '2' }, 'variable V changed (1 -> 2)'],
  ['a file', { ...before, 'file b.c': 'z' }, 'file b.c changed'],
  ['a new file', { ...before, 'file c.c': 'z' }, 'file c.c is new'],
  [
    'a file that is gone',
    { base: 'sha256:1', instruction: 'RUN make', 'variable V': '1', 'file a.c': 'x' },
    'file b.c is gone',
  ],
  [
    'many files',
    { ...before, 'file a.c': '0', 'file b.c': '0', 'file c.c': '0', 'file d.c': '0' },
    'file a.c changed, file b.c changed, file c.c is new and 1 more',
  ],
] as const) {
  test(`why a step is made anew: ${name}`, () => assert.equal(differences(before, now), want));
}
