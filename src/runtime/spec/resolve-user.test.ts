import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { resolveUser, unknownUser } from './resolve-user.ts';

const directory = mkdtempSync(join(tmpdir(), 'wharf-user-'));
after(() => rmSync(directory, { recursive: true }));

let count = 0;
function rootfs(passwd?: string, group?: string): string {
  const root = join(directory, String(++count));
  mkdirSync(join(root, 'etc'), { recursive: true });
  if (passwd !== undefined) writeFileSync(join(root, 'etc/passwd'), passwd);
  if (group !== undefined) writeFileSync(join(root, 'etc/group'), group);
  return root;
}
const PASSWD = `root:x:0:0:root:/root:/bin/sh
# a comment
app:x:1000:1001:An App:/home/app:/bin/sh
1234:x:77:78::/odd:/bin/sh
broken:x
nohome:x:5:5:::
`;
const GROUP = 'root:x:0:\napp:x:1001:\nextra:x:2000:other,app\nmore:x:2001:app\n';

const cases: [user: string, groupAdd: string[], expected: [number, number, number[], string]][] = [
  ['', [], [0, 0, [], '/root']],
  ['root', [], [0, 0, [], '/root']],
  ['app', [], [1000, 1001, [2000, 2001], '/home/app']],
  ['1000', [], [1000, 1001, [2000, 2001], '/home/app']],
  ['app:extra', [], [1000, 2000, [], '/home/app']],
  ['app:0', [], [1000, 0, [], '/home/app']],
  ['4242', [], [4242, 0, [], '/']],
  ['4242:4343', [], [4242, 4343, [], '/']],
  [':extra', [], [0, 2000, [], '/root']],
  ['1234', [], [77, 78, [], '/odd']],
  ['nohome', [], [5, 5, [], '/']],
  ['root', ['extra', '99'], [0, 0, [99, 2000], '/root']],
];
for (const [user, groupAdd, [uid, gid, additionalGids, home]] of cases) {
  test(`user "${user}" with groups [${groupAdd.join()}]`, () => {
    assert.deepEqual(resolveUser(rootfs(PASSWD, GROUP), user, groupAdd), { uid, gid, additionalGids, home });
  });
}

for (const [user, message] of [
  ['ghost', 'unable to find user ghost: no matching entries in passwd file'],
  ['root:ghosts', 'unable to find group ghosts: no matching entries in group file'],
  ['2147483648', 'uids and gids must be in range 0-2147483647'],
  ['0:-1', 'uids and gids must be in range 0-2147483647'],
] as const) {
  test(`user "${user}" is refused`, () => {
    assert.throws(
      () => resolveUser(rootfs(PASSWD, GROUP), user, []),
      (e) => unknownUser.is(e) && e.message === message,
    );
  });
}

test('without the files only numbers and root can be named', () => {
  assert.deepEqual(resolveUser(rootfs(), '', []), { uid: 0, gid: 0, additionalGids: [], home: '/' });
  assert.equal(resolveUser(rootfs(), '7', []).uid, 7);
  assert.throws(
    () => resolveUser(rootfs(), 'app', []),
    (e) => unknownUser.is(e),
  );
});

test('links are followed inside the root only', () => {
  const outside = join(directory, 'outside');
  writeFileSync(outside, 'app:x:1:1::/:/bin/sh\n');
  const root = rootfs();
  writeFileSync(join(root, 'real'), 'app:x:1000:1000::/:/bin/sh\n');
  symlinkSync('../../../../../../real', join(root, 'etc/passwd'));
  assert.equal(resolveUser(root, 'app', []).uid, 1000);
  const absolute = rootfs();
  symlinkSync(outside, join(absolute, 'etc/passwd'));
  assert.throws(
    () => resolveUser(absolute, 'app', []),
    (e) => unknownUser.is(e),
  );
  const loop = rootfs();
  symlinkSync('/etc/passwd', join(loop, 'etc/passwd'));
  assert.throws(
    () => resolveUser(loop, 'app', []),
    (e) => unknownUser.is(e),
  );
});

test('a FIFO in the place of the file holds nobody up', () => {
  const root = rootfs();
  execFileSync('mkfifo', [join(root, 'etc/passwd')]);
  assert.equal(resolveUser(root, '', []).uid, 0);
});
