import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesPattern } from './filters.ts';

const rows: [values: string[] | undefined, candidates: string[], expected: boolean][] = [
  [undefined, ['web'], true],
  [[], ['web'], true],
  [['eb'], ['web'], true],
  [['^web$'], ['web-1'], false],
  [['^web$', 'x'], ['x-1'], true],
  [['^/web'], ['web', '/web'], true],
  [['w.b'], ['web'], true],
  [['a['], ['a[b'], true],
  [['a['], ['ab'], false],
];
for (const [values, candidates, expected] of rows)
  test(`names ${candidates.join(' or ')} by ${values?.join(' or ')}`, () => {
    assert.equal(matchesPattern(values, ...candidates), expected);
  });
