import assert from 'node:assert/strict';
import { setTimeout as later } from 'node:timers/promises';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('slots let only so many in, and go on after a failure', async () => {
  const slots = new Slots(2);
  let inside = 0;
  let most = 0;
  const work = async (fails: boolean) => {
    most = Math.max(most, ++inside);
    await later(1);
    inside--;
    if (fails) throw new Error('failed');
  };
  const all = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => slots.run(() => work(n === 2))));
  assert.deepEqual([most, all.filter((r) => r.status === 'rejected').length], [2, 1]);
});
