import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rootOf, toContainer, toHost } from './id-map.ts';

const ranges = [
  { containerId: 0, hostId: 100_000, size: 1000 },
  { containerId: 1000, hostId: 500_000, size: 64_536 },
];

for (const [container, host] of [
  [0, 100_000],
  [999, 100_999],
  [1000, 500_000],
  [65_535, 564_535],
] as const) {
  test(`${container} in a container is ${host} on the host`, () => {
    assert.equal(toHost(ranges, container), host);
    assert.equal(toContainer(ranges, host), container);
  });
}

test('who has no ID on the other side', () => {
  assert.equal(toHost(ranges, 65_536), undefined);
  for (const host of [0, 99_999, 101_000, 564_536]) assert.equal(toContainer(ranges, host), 65_534);
  assert.deepEqual(rootOf({ uids: ranges, gids: [] }), { uid: 100_000, gid: 65_534 });
});
