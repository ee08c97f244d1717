import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkChecksum } from './download.ts';

for (const [checksum, message] of [
  ['abc', 'invalid checksum digest format'],
  ['sha256:XYZ', 'invalid checksum digest format'],
  ['sha256:abc', 'invalid checksum digest length'],
  [`md5:${'0'.repeat(32)}`, 'unsupported digest algorithm'],
  [`constructor:${'0'.repeat(64)}`, 'unsupported digest algorithm'],
] as const) {
  test(`--checksum=${checksum.slice(0, 20)} is refused`, () =>
    assert.throws(() => checkChecksum(checksum), { message }));
}

test('digests that --checksum takes', () => {
  for (const [algorithm, digits] of Object.entries({ sha256: 64, sha384: 96, sha512: 128 })) {
    checkChecksum(`${algorithm}:${'a'.repeat(digits)}`);
  }
});
