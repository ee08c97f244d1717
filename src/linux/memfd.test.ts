import assert from 'node:assert/strict';
import { closeSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { openEmpty } from './memfd.ts';

test('a file that is empty and stays so', () => {
  const fd = openEmpty();
  try {
    assert.equal(readSync(fd, Buffer.alloc(8)), 0);
    assert.throws(() => writeSync(fd, 'x'), { code: 'EPERM' });
  } finally {
    closeSync(fd);
  }
});
