import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachFilter, parseDetachKeys } from './detach-keys.ts';

const keys = parseDetachKeys('ctrl-p,ctrl-q');
const type = (...chunks: string[]) => {
  const filter = new DetachFilter(keys);
  let passed = '';
  for (const chunk of chunks) {
    const { pass, detached } = filter.push(Buffer.from(chunk));
    passed += pass.toString();
    if (detached) return { passed, detached };
  }
  return { passed, detached: false };
};

test('keys', () => {
  assert.deepEqual([...keys], [16, 17]);
  assert.deepEqual([...parseDetachKeys('a,ctrl-@,ctrl-]')], [97, 0, 29]);
  assert.throws(() => parseDetachKeys('ctrl-1'), /Unknown character/);
});
test('detaches, and drops what follows', () => {
  assert.deepEqual(type('ab\x10\x11cd'), { passed: 'ab', detached: true });
  assert.deepEqual(type('a\x10', '\x11'), { passed: 'a', detached: true });
});
test('a sequence that breaks off is typed', () => {
  assert.deepEqual(type('\x10', 'x'), { passed: '\x10x', detached: false });
  assert.deepEqual(type('\x10\x10\x11'), { passed: '\x10', detached: true });
});
