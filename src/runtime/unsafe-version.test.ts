import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unsafeReason } from './unsafe-version.ts';

const rows: [kind: string, version: string, isSafe: boolean][] = [
  ['runc', '1.0.0-rc6', false],
  ['runc', '1.0.0~rc6+dfsg1', false],
  ['runc', '0.1.1', false],
  ['runc', '1.0.0-rc9', true],
  ['runc', '1.0.0-rc93', true],
  ['runc', '1.0.0', true],
  ['runc', '1.1.5+ds1', true],
  ['runc', '1.4.0', true],
  ['crun', '0.10.4', false],
  ['crun', '0.9', false],
  ['crun', '0.10.5', true],
  ['crun', '1.8.1', true],
  ['crun', 'UNKNOWN', true],
  ['youki', '0.0.1', true],
  ['', '', true],
];
for (const [kind, version, isSafe] of rows) {
  test(`${kind} ${version} is ${isSafe ? 'used' : 'refused'}`, () => {
    const reason = unsafeReason(kind, version);
    assert.equal(reason === '', isSafe, reason);
    if (!isSafe) assert.match(reason, /CVE-\d+.* or newer is needed$/);
  });
}
