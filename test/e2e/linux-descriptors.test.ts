import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { Nft, raiseDescriptor } from '../../src/linux/index.ts';

const FD_SETSIZE = 1024;

test('the firewall can be asked however many files are open', () => {
  const open: number[] = [];
  try {
    while ((open.at(-1) ?? 0) <= FD_SETSIZE) open.push(openSync('/dev/null', 'r'));
    using nft = new Nft();
    assert.equal(typeof nft.run('list tables'), 'string');
  } finally {
    for (const fd of open) closeSync(fd);
  }
});

test('a descriptor that is raised leaves its number free', () => {
  const fd = openSync('/dev/null', 'r');
  const { rdev } = fstatSync(fd);
  const raised = raiseDescriptor(fd);
  try {
    assert.ok(raised >= FD_SETSIZE);
    assert.equal(fstatSync(raised).rdev, rdev);
    assert.throws(() => fstatSync(fd), { code: 'EBADF' });
  } finally {
    closeSync(raised);
  }
});
