import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { extract, type Header, pack } from 'tar-stream';
import { packTree } from './archive-pack.ts';
import { unpackInto } from './archive-unpack.ts';
import { walk } from './rooted.ts';
import { resolveInRoot } from './rootfs-path.ts';

let base = '';
let root = '';
let volume = '';
before(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-rooted-'));
  root = join(base, 'root');
  volume = join(base, 'volume');
  for (const dir of ['root/etc', 'root/a/b', 'root/data', 'volume', 'outside']) {
    mkdirSync(join(base, dir), { recursive: true });
  }
  writeFileSync(join(root, 'etc/passwd'), 'inside');
  writeFileSync(join(base, 'outside/secret'), 'secret');
  writeFileSync(join(volume, 'kept'), 'kept');
  symlinkSync('/etc', join(root, 'absolute'));
  symlinkSync('../../../../../../etc/passwd', join(root, 'a/b/up'));
  symlinkSync(join(base, 'outside'), join(root, 'escape'));
  symlinkSync('loop', join(root, 'loop'));
});
after(() => rmSync(base, { recursive: true, force: true }));

const tree = () => ({ path: root, mounts: new Map([['/data', volume]]) });
const PLACES: [string, string][] = [
  ['/', '/'],
  ['/etc/passwd', '/etc/passwd'],
  ['etc//./passwd', '/etc/passwd'],
  ['/absolute/passwd', '/etc/passwd'],
  ['/a/b/up', '/etc/passwd'],
  ['/../../etc', '/etc'],
  ['/a/../a/b', '/a/b'],
  ['/data/kept', '/data/kept'],
];
for (const [path, inside] of PLACES) {
  test(`${path} is ${inside}`, () => {
    using found = walk(tree(), path, { follow: true });
    assert.equal(found.inside, inside);
  });
}
for (const [path, code] of [
  ['/escape/secret', 'ENOENT'],
  ['/loop', 'ELOOP'],
  ['/etc/passwd/x', 'ENOTDIR'],
  ['/nothing', 'ENOENT'],
] as const) {
  test(`${path} fails with ${code}`, () => assert.throws(() => walk(tree(), path, { follow: true }), { code }));
}
test('a link in last position can be looked at itself', () => {
  using found = walk(tree(), '/absolute', { follow: false });
  assert.ok(found.stats.isSymbolicLink());
});
test('the same rules by path alone', () => {
  assert.equal(resolveInRoot(root, '/a/b/up'), join(root, 'etc/passwd'));
  assert.equal(resolveInRoot(root, '/absolute/new/dir'), join(root, 'etc/new/dir'));
});

async function namesIn(tar: Readable): Promise<[string, string][]> {
  const names: [string, string][] = [];
  const entries = extract();
  tar.pipe(entries);
  for await (const item of entries) {
    const header: Header = item.header;
    names.push([header.name, header.type ?? '']);
    item.resume();
  }
  return names;
}

test('a directory with a volume in it, packed', async () => {
  const top = walk(tree(), '/data', { follow: false });
  const tar = packTree(tree(), top, 'data', async () => top[Symbol.dispose]());
  assert.deepEqual(await namesIn(tar), [
    ['data/', 'directory'],
    ['data/kept', 'file'],
  ]);
});

test('a tar cannot write outside, by name or by link', async () => {
  const tar = pack();
  tar.entry({ name: '../../outside/by-name', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }, 'x');
  tar.entry({
    name: 'link',
    type: 'symlink',
    linkname: join(base, 'outside'),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  });
  tar.entry({ name: 'link/secret', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }, 'overwritten');
  tar.finalize();
  await unpackInto(tree(), '/a', tar as unknown as Readable, { keepKind: false }).catch(() => undefined);
  assert.equal(readFileSync(join(base, 'outside/secret'), 'utf8'), 'secret');
  assert.equal(readFileSync(join(root, 'a/outside/by-name'), 'utf8'), 'x');
});
