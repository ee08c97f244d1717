import assert from 'node:assert/strict';
import { test } from 'node:test';
import { majorOf, makedev, minorOf } from './node.ts';
import { mountFlagsOf, mountinfo, parseMountinfo, umountAsync } from './mount.ts';

test('mountinfo lines are read, with escapes and any number of optional fields', () => {
  const [a, b, ...rest] = parseMountinfo(
    [
      '36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue',
      '40 36 0:50 / /x rw - overlay overlay rw,lowerdir=/l/a:/l/b',
      'nonsense',
      '',
    ].join('\n'),
  );
  assert.equal(a?.mountpoint, '/a b');
  assert.deepEqual(a?.propagation, ['master:1', 'shared:7']);
  assert.equal(a?.root, '/mnt1');
  assert.equal(b?.type, 'overlay');
  assert.equal(b?.superOptions, 'rw,lowerdir=/l/a:/l/b');
  assert.deepEqual(b?.propagation, []);
  assert.deepEqual(rest, []);
});

test('device numbers go to the packed form and back', () => {
  for (const [major, minor] of [
    [0, 0],
    [1, 3],
    [254, 255],
    [0xfff, 0xfffff],
    [0x12345, 0x6789ab],
  ] as const) {
    const d = makedev(major, minor);
    assert.deepEqual([majorOf(d), minorOf(d)], [major, minor]);
  }
  assert.equal(makedev(1, 3), 0x103n);
});

test('unmounting on a thread of the pool tells why it did not', async () => {
  await assert.rejects(umountAsync('/no/such/place'), { code: 'ENOENT' });
  await assert.rejects(umountAsync(import.meta.dirname), { code: 'EINVAL' });
});

test('what a mount forbids is what the mount table says', () => {
  const words = ['ro', 'nosuid', 'nodev', 'noexec'] as const;
  for (const mountpoint of ['/', '/proc', '/dev', '/sys']) {
    const said =
      mountinfo()
        .findLast((m) => m.mountpoint === mountpoint)
        ?.options.split(',') ?? [];
    assert.deepEqual(
      mountFlagsOf(mountpoint),
      words.filter((word) => said.includes(word)),
      mountpoint,
    );
  }
  assert.deepEqual(mountFlagsOf('/no/such/place'), []);
});
