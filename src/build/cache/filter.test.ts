import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheEntry } from '../../core/wire/build.ts';
import { cacheFilter } from './filter.ts';

const entry = (ID: string, more: Partial<CacheEntry> = {}): CacheEntry => ({
  ID,
  Type: 'regular',
  Description: `RUN ${ID}`,
  InUse: false,
  Shared: false,
  Size: 1,
  CreatedAt: '',
  LastUsedAt: null,
  UsageCount: 0,
  ...more,
});
const ENTRIES = [
  entry('abc1', { Shared: true }),
  entry('abd2', { InUse: true, Parents: ['abc1'] }),
  entry('xyz3', { Type: 'exec.cachemount', Description: 'cache mount /c' }),
];

for (const [filters, want] of [
  [[], 'abc1 abd2 xyz3'],
  [['type==exec.cachemount'], 'xyz3'],
  [['type!=exec.cachemount'], 'abc1 abd2'],
  [['id~=^ab'], 'abc1 abd2'],
  [['id~=ab,inuse'], 'abd2'],
  [['inuse==false'], 'abc1 xyz3'],
  [['shared', 'mutable'], 'abc1 xyz3'],
  [['private,immutable'], 'abd2'],
  [['parent==abc1'], 'abd2'],
  [['description~=/c$'], 'xyz3'],
] as const) {
  test(`of the cache: ${filters.join(' or ') || 'everything'}`, () => {
    assert.equal(
      ENTRIES.filter(cacheFilter(filters))
        .map(({ ID }) => ID)
        .join(' '),
      want,
    );
  });
}

test('filters that are not known are refused', () => {
  for (const filter of ['label==x', 'id~=(', '']) assert.throws(() => cacheFilter([filter]), /invalid filter/);
});
