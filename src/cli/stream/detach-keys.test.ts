import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachFilter, parseDetachKeys } from './detach-keys.ts';

test('keys are read as docker writes them', () => {
  assert.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), [16, 17]);
  assert.deepEqual(parseDetachKeys('a,ctrl-[,DEL'), [97, 27, 127]);
  assert.throws(() => parseDetachKeys('ctrl-p,foo'));
});

test('the sequence is found across chunks, everything else passes', () => {
  const typed = (chunks: number[][]) => {
    const filter = new DetachFilter([16, 17]);
    const passed: number[] = [];
    for (const chunk of chunks) {
      const { pass, detached } = filter.push(Buffer.from(chunk));
      passed.push(...pass);
      if (detached) return { passed, detached };
    }
    return { passed, detached: false };
  };
  assert.deepEqual(typed([[1, 16, 17, 9]]), { passed: [1], detached: true });
  assert.deepEqual(typed([[1, 16], [17]]), { passed: [1], detached: true });
  assert.deepEqual(typed([[16], [5]]), { passed: [16, 5], detached: false });
  assert.deepEqual(typed([[16, 16, 17]]), { passed: [16], detached: true });
});
