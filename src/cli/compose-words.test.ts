import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hoistRootFlags } from './compose-words.ts';

for (const [words, root, rest] of [
  ['-H tcp://x ps', '-H tcp://x', 'ps'],
  ['--host=tcp://x -f a.yml ps -q', '--host=tcp://x', '-f a.yml ps -q'],
  ['-f -H up', '', '-f -H up'],
  ['-f a -D --tls up -d', '-D --tls', '-f a up -d'],
  ['exec -H web ls', '', 'exec -H web ls'],
  ['-- -H x', '', '-- -H x'],
  ['-H', '-H', ''],
] as const) {
  test(`compose ${words}`, () => {
    const found = hoistRootFlags(words.split(' '));
    assert.deepEqual([found.root.join(' '), found.rest.join(' ')], [root, rest]);
  });
}
