import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainIds, parseDigest, sha256, type DiffId } from './digest.ts';
import { isId, newId, shortId } from './ids.ts';
import { didYouMean, nearest } from './nearest.ts';

test('nearest: the likely word, or none', () => {
  const known = ['volumes', 'depends_on', 'env_file', 'image', 'ports'];
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['volumnes', 'volumes'],
    ['depend_on', 'depends_on'],
    ['envfile', 'env_file'],
    ['images', 'image'],
    ['IMAGE', 'image'],
    ['prots', 'ports'],
    ['zebra', undefined],
    ['', undefined],
  ];
  for (const [typed, expected] of cases) assert.equal(nearest(typed, known), expected, typed);
  assert.equal(didYouMean('imgae', known), '; did you mean "image"?');
});

test('chainIDs as the image specification computes them', () => {
  const [a, b] = [sha256('a'), sha256('b')] as DiffId[] as [DiffId, DiffId];
  assert.deepEqual(chainIds([]), []);
  assert.deepEqual(chainIds([a]), [a]);
  assert.deepEqual(chainIds([a, b]), [a, sha256(`${a} ${b}`)]);
});

test('digests are checked', () => {
  for (const bad of ['', 'sha256:', `sha256:${'A'.repeat(64)}`, 'md5:abc', `sha256:${'a'.repeat(63)}`]) {
    assert.throws(() => parseDigest(bad), { code: 'INVALID_DIGEST' });
  }
  assert.equal(shortId(sha256('')), 'e3b0c44298fc');
});

test('IDs are 64 hexadecimal digits whose short form is no number', () => {
  for (let i = 0; i < 1000; i++) {
    const id = newId();
    assert.ok(isId(id));
    assert.match(shortId(id), /[a-f]/);
  }
});
