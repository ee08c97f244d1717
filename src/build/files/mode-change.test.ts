import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModeChange } from './mode-change.ts';

for (const [text, before, want] of [
  ['755', 0o600, 0o755],
  ['07777', 0, 0o7777],
  ['u+x', 0o644, 0o744],
  ['+x', 0o644, 0o755],
  ['go-rwx', 0o777, 0o700],
  ['u=rwX,go=rX', 0o600, 0o644],
  ['u=rwX,go=rX', 0o700, 0o755],
  ['a=r', 0o4777, 0o444],
  ['g=u', 0o640, 0o660],
  ['u+s,o+t', 0o755, 0o5755],
  ['u=rw-w', 0o777, 0o477],
] as const) {
  test(`--chmod=${text} of ${before.toString(8)}`, () => {
    assert.equal(parseModeChange(text)?.(before, false).toString(8), want.toString(8));
  });
}

test('X of a directory; what is no mode', () => {
  assert.equal(parseModeChange('u=rwX')?.(0o600, true), 0o700);
  for (const wrong of ['999', '17777', 'u+q', 'u', '', 'u+x,', '+x g+r']) {
    assert.equal(parseModeChange(wrong), undefined, wrong);
  }
});
