import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonical, familiar, parseReference, withDefaultTag } from './reference.ts';

const HEX = 'a'.repeat(64);
const GOOD: readonly (readonly [typed: string, canonical: string, familiar: string])[] = [
  ['ubuntu', 'docker.io/library/ubuntu:latest', 'ubuntu:latest'],
  ['ubuntu:14.04', 'docker.io/library/ubuntu:14.04', 'ubuntu:14.04'],
  ['docker.io/ubuntu', 'docker.io/library/ubuntu:latest', 'ubuntu:latest'],
  ['index.docker.io/library/ubuntu', 'docker.io/library/ubuntu:latest', 'ubuntu:latest'],
  ['user/app:v1', 'docker.io/user/app:v1', 'user/app:v1'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['localhost:5000/a/b__c-d.e', 'localhost:5000/a/b__c-d.e:latest', 'localhost:5000/a/b__c-d.e:latest'],
  ['reg.example/app@sha256:' + HEX, `reg.example/app@sha256:${HEX}`, `reg.example/app@sha256:${HEX}`],
  [`ubuntu:14.04@sha256:${HEX}`, `docker.io/library/ubuntu:14.04@sha256:${HEX}`, `ubuntu:14.04@sha256:${HEX}`],
  ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
  ['UPPER/app', 'UPPER/app:latest', 'UPPER/app:latest'],
  // Shorter they would mean something else.
  ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
  ['docker.io/localhost/a', 'docker.io/localhost/a:latest', 'docker.io/localhost/a:latest'],
  ['docker.io/a.i/a', 'docker.io/a.i/a:latest', 'docker.io/a.i/a:latest'],
  [`docker.io/library/${HEX}`, `docker.io/library/${HEX}:latest`, `library/${HEX}:latest`],
];
test('names as people type them', () => {
  for (const [typed, full, short] of GOOD) {
    const ref = withDefaultTag(parseReference(typed));
    assert.equal(canonical(ref), full, typed);
    assert.equal(familiar(ref), short, typed);
  }
});

const BAD = [
  '',
  ':tag',
  'a//b',
  'a:',
  'Ubuntu',
  'a:b:c',
  'a@sha256:12',
  '-a',
  'a_-b',
  'a___b',
  HEX,
  `a/${'b'.repeat(256)}`,
  'a:.tag',
  'a b',
  '../a',
];
test('what is no name of an image', () => {
  for (const typed of BAD) assert.throws(() => parseReference(typed), { code: 'INVALID_REFERENCE' }, typed);
});
