import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, link, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { pack } from 'tar-stream';
import { TreeCopier } from './copy-tree.ts';
import { isTarFile } from './decompress.ts';
import { FileTree } from './file-tree.ts';
import { extractTar } from './extract-tar.ts';
import { clamp, resolveInRoot } from './in-root.ts';

const signal = AbortSignal.timeout(60_000);
const root = { uid: 0, gid: 0 };

async function scratch(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'wharf-files-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

for (const [path, want] of [
  ['/a/b', 'a/b'],
  ['../../x', 'x'],
  ['a/../../..', ''],
  ['./a//b/', 'a/b'],
  ['', ''],
] as const) {
  test(`clamp ${path}`, () => assert.equal(clamp(path), want));
}

test('paths are resolved inside of the root', async () => {
  await using dir = await scratch();
  await mkdir(join(dir.path, 'usr/bin'), { recursive: true });
  await symlink('usr/bin', join(dir.path, 'bin'));
  await symlink('/etc/passwd', join(dir.path, 'abs'));
  await symlink('../../../../etc', join(dir.path, 'usr/up'));
  await symlink('loop', join(dir.path, 'loop'));
  const resolve = (path: string, follow?: boolean) => resolveInRoot(dir.path, path, follow);
  assert.equal(resolve('/bin/sh'), 'usr/bin/sh');
  assert.equal(resolve('abs'), 'etc/passwd');
  assert.equal(resolve('abs', false), 'abs');
  assert.equal(resolve('usr/up/shadow'), 'etc/shadow');
  assert.equal(resolve('../../nope/../x'), 'x');
  assert.throws(() => resolve('loop/x'), { code: 'ELOOP' });
});

test('digests: content, mode, names and links count; times do not', async () => {
  await using dir = await scratch();
  const make = async (name: string) => {
    const at = join(dir.path, name);
    await mkdir(join(at, 'd/e'), { recursive: true });
    await writeFile(join(at, 'd/f'), 'hello', { mode: 0o644 });
    await symlink('f', join(at, 'd/l'));
    return at;
  };
  const first = await make('one');
  const want = await new FileTree(first).of('d');
  const changed = async (name: string, change: (at: string) => Promise<void>, path = 'd') => {
    const at = await make(name);
    await change(at);
    return (await new FileTree(at).of(path)) !== want;
  };
  assert.equal(await changed('same', async () => undefined), false);
  assert.equal(await changed('touched', (at) => utimes(join(at, 'd/f'), 1, 1)), false);
  assert.equal(await changed('bytes', (at) => writeFile(join(at, 'd/f'), 'hellO')), true);
  assert.equal(await changed('mode', (at) => chmod(join(at, 'd/f'), 0o755)), true);
  assert.equal(await changed('more', (at) => writeFile(join(at, 'd/e/x'), '')), true);
  assert.equal(await changed('less', (at) => rm(join(at, 'd/e'), { recursive: true })), true);
  assert.notEqual(await new FileTree(first).of('d', (p) => p === 'e'), want);
});

test('copying merges directories and keeps links, modes and times', async () => {
  await using dir = await scratch();
  const from = join(dir.path, 'from');
  const to = join(dir.path, 'to');
  await mkdir(join(from, 'sub'), { recursive: true });
  await mkdir(join(to, 'sub'), { recursive: true });
  await chmod(join(to, 'sub'), 0o700);
  await writeFile(join(from, 'sub/a'), 'new', { mode: 0o640 });
  await utimes(join(from, 'sub/a'), 1000, 1000);
  await link(join(from, 'sub/a'), join(from, 'sub/hard'));
  await symlink('a', join(from, 'sub/soft'));
  await writeFile(join(to, 'sub/a'), 'old');
  await writeFile(join(to, 'sub/kept'), 'kept');
  const spared = join(dir.path, 'spared');
  await writeFile(spared, 'spared');
  await symlink(spared, join(to, 'sub/hard'));
  const files = new FileTree(from);
  await new TreeCopier({ owner: root, mode: undefined, signal }).copy(files, await files.entries(''), to, '/to');
  assert.equal(readFileSync(join(to, 'sub/a'), 'utf8'), 'new');
  assert.equal(readFileSync(join(to, 'sub/kept'), 'utf8'), 'kept');
  assert.equal(readlinkSync(join(to, 'sub/soft')), 'a');
  assert.equal(readFileSync(spared, 'utf8'), 'spared', 'a link in a merged directory is replaced, not followed');
  const a = lstatSync(join(to, 'sub/a'));
  assert.deepEqual([a.mode & 0o7777, a.mtimeMs, a.nlink], [0o640, 1_000_000, 2]);
  assert.equal(a.ino, lstatSync(join(to, 'sub/hard')).ino);
  assert.equal(lstatSync(join(to, 'sub')).mode & 0o7777, 0o700, 'a directory that was there keeps its mode');
});

test('a directory does not replace a file, nor a file a directory', async () => {
  await using dir = await scratch();
  await mkdir(join(dir.path, 'd'));
  await writeFile(join(dir.path, 'f'), '');
  const copier = new TreeCopier({ owner: root, mode: undefined, signal });
  const files = new FileTree(dir.path);
  await assert.rejects(copier.copy(files, await files.entries('d'), join(dir.path, 'f'), '/f'), {
    message: 'cannot copy to non-directory: /f',
  });
  await assert.rejects(copier.copy(files, await files.entries('f'), join(dir.path, 'd'), '/d'), {
    message: 'cannot replace to directory /d with file',
  });
});

test('a tar cannot write outside of its root', async () => {
  await using dir = await scratch();
  const inside = join(dir.path, 'root');
  await mkdir(inside);
  const tar = pack();
  tar.entry({ name: '../../escaped' }, 'x');
  tar.entry({ name: '/abs' }, 'x');
  tar.entry({ name: 'out', type: 'symlink', linkname: dir.path });
  tar.entry({ name: 'out/through-link' }, 'x');
  tar.entry({ name: 'up', type: 'symlink', linkname: '..' });
  tar.entry({ name: 'up/through-up' }, 'x');
  tar.entry({ name: 'file', mode: 0o4755, uid: 7, gid: 8, mtime: new Date(5000) }, 'x');
  tar.entry({ name: 'hard', type: 'link', linkname: 'file' });
  tar.finalize();
  await extractTar(Readable.from(tar), { root: inside, into: '', owner: undefined, signal });
  for (const name of ['escaped', 'abs', 'through-up', 'hard', `${dir.path}/through-link`]) {
    assert.ok(existsSync(join(inside, name)), `${name} should be inside`);
  }
  assert.ok(!existsSync(join(dir.path, 'through-link')));
  const file = lstatSync(join(inside, 'file'));
  assert.deepEqual([file.mode & 0o7777, file.uid, file.gid, file.mtimeMs, file.nlink], [0o4755, 7, 8, 5000, 2]);
});

test('what is no tar is refused', async () => {
  await using dir = await scratch();
  const source = Readable.from([Buffer.from('x'.repeat(2048))]);
  await assert.rejects(extractTar(source, { root: dir.path, into: '', owner: root, signal }), { code: 'BAD_CONTEXT' });
});

for (const [name, flag] of [
  ['plain', ''],
  ['gzip', 'z'],
  ['bzip2', 'j'],
  ['xz', 'J'],
] as const) {
  test(`a ${name} tar is known by its content and unpacked`, async () => {
    await using dir = await scratch();
    await writeFile(join(dir.path, 'a'), 'hello');
    const made = spawnSync('tar', [`-c${flag}f`, 'x.bin', 'a'], { cwd: dir.path });
    assert.equal(made.status, 0);
    assert.equal(await isTarFile(join(dir.path, 'x.bin')), true);
    await extractTar(createReadStream(join(dir.path, 'x.bin')), {
      root: dir.path,
      into: 'out/deep',
      owner: root,
      signal,
    });
    assert.equal(readFileSync(join(dir.path, 'out/deep/a'), 'utf8'), 'hello');
  });
}

test('ordinary files are no archives', async () => {
  await using dir = await scratch();
  for (const [name, bytes] of [
    ['empty', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(1024)],
    ['text', Buffer.from('a'.repeat(1000))],
    ['fake.gz', Buffer.from('1f8b080000000000', 'hex')],
  ] as const) {
    await writeFile(join(dir.path, name), bytes);
    assert.equal(await isTarFile(join(dir.path, name)), false, name);
  }
});
