import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lackOfOpenFiles } from './open-files.ts';

test('a lack of open files by what a failure says', () => {
  const cases = {
    "EMFILE: too many open files, open '/x'": 'process',
    'fork/exec /bin/x: too many open files': 'process',
    "ENFILE: file table overflow, open '/x'": 'machine',
    'open /x: Too many open files in system': 'machine',
    'ENOENT: no such file or directory': undefined,
    'No such container: EMFILES': undefined,
    '': undefined,
  };
  for (const [message, lack] of Object.entries(cases)) assert.equal(lackOfOpenFiles(message), lack, message);
});
