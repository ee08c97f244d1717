import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFilesHint, openFilesLimit } from './open-files.ts';

test('an error for want of descriptors names the limit and what raises it', () => {
  const hint = openFilesHint("EMFILE: too many open files, open '/run/wharf/netns/abc'");
  assert.ok(hint.includes(`its limit of ${openFilesLimit()} open files`), hint);
  assert.match(hint, /LimitNOFILE=.*prlimit --pid \d+ --nofile=/);
  assert.match(openFilesHint('socket: Too many open files'), /prlimit/);
  assert.match(openFilesHint('accept ENFILE'), /fs\.file-max/);
  assert.match(openFilesHint('socket: Too many open files in system'), /fs\.file-max/);
  for (const other of ['ENOENT: no such file', 'No such container: EMFILES', ''])
    assert.equal(openFilesHint(other), '');
});
