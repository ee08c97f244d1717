import assert from 'node:assert/strict';
import { test } from 'node:test';
import { umountAsync } from './mount.ts';

test('hundreds of calls on threads wait for one another', async () => {
  const calls = Array.from({ length: 300 }, (_, i) => umountAsync(`/nonexistent/${i}`));
  for (const { status, reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
    assert.deepEqual([status, (reason as { code?: string }).code], ['rejected', 'ENOENT']);
  }
});
