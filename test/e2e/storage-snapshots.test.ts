import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mount, mountinfo } from '../../src/linux/index.ts';
import { leftovers, mountsBelow, open, sh, temporaryRoot } from './storage-support.ts';

test('changes are told as Docker tells them', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh(
    'mkdir -p tree/etc tree/var/log tree/var/lib/app tree/home && touch tree/etc/passwd tree/var/log/l tree/var/lib/app/x',
    root,
  );
  await sh('tar -C tree -cf l.tar .', root);
  const layer = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')));
  const cases: readonly (readonly [script: string, changes: string])[] = [
    ['true', ''],
    ['echo x > new', 'A /new'],
    ['echo x >> etc/passwd', 'C /etc,C /etc/passwd'],
    ['mkdir -p var/lib/more/deep', 'C /var,C /var/lib,A /var/lib/more,A /var/lib/more/deep'],
    ['rm etc/passwd', 'C /etc,D /etc/passwd'],
    ['rm -r var/lib', 'C /var,D /var/lib'],
    [
      'rm -r var/lib/app; mkdir var/lib/app; touch var/lib/app/y',
      'C /var,C /var/lib,C /var/lib/app,D /var/lib/app/x,A /var/lib/app/y',
    ],
    ['chmod 700 home', 'C /home'],
    ['rm etc/passwd; mkdir etc/passwd', 'C /etc,C /etc/passwd'],
    ['rm -r home; touch home', 'C /home'],
    ['touch home/x; rm home/x', 'C /home'],
  ];
  for (const [i, [script, wanted]] of cases.entries()) {
    const key = `case-${i}`;
    await storage.snapshots.prepare(key, layer.chainId);
    await sh(script, await storage.snapshots.mount(key));
    const letters = { added: 'A', modified: 'C', deleted: 'D' } as const;
    const changes = (await storage.snapshots.changes(key)).map(({ kind, path }) => `${letters[kind]} ${path}`);
    assert.equal(changes.join(','), wanted, script);
    await storage.snapshots.remove(key);
  }
});

test('a snapshot is mounted once, keeps what is written, and leaves nothing when removed', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await storage.snapshots.prepare('c', null);
  await assert.rejects(storage.snapshots.prepare('c', null), { code: 'SNAPSHOT_EXISTS' });
  const merged = await storage.snapshots.mount('c');
  assert.equal(await storage.snapshots.mount('c'), merged);
  assert.equal(mountsBelow(root).length, 1);
  assert.ok(
    existsSync(join(merged, 'etc/resolv.conf')) &&
      existsSync(join(merged, 'dev/shm')) &&
      existsSync(join(merged, 'proc')),
  );
  writeFileSync(join(merged, 'f'), 'kept');
  await storage.snapshots.unmount('c');
  await storage.snapshots.unmount('c');
  assert.equal(storage.snapshots.mountpoint('c'), undefined);
  assert.equal(readFileSync(join(await storage.snapshots.mount('c'), 'f'), 'utf8'), 'kept');
  assert.deepEqual(await storage.snapshots.usage('c'), { sizeBytes: 4, inodes: 1 });
  await storage.snapshots.remove('c');
  await storage.snapshots.remove('c');
  assert.deepEqual(mountsBelow(root), []);
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });
  await assert.rejects(storage.snapshots.mount('c'), { code: 'SNAPSHOT_NOT_FOUND' });
});

test('what is volatile can be mounted again, and is a layer like any other', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await storage.snapshots.prepare('v', null, { volatile: true });
  const merged = await storage.snapshots.mount('v');
  const { superOptions } = mountinfo().find(({ mountpoint }) => mountpoint === merged) ?? {};
  assert.match(superOptions ?? '', /[,=]volatile/);
  writeFileSync(join(merged, 'f'), 'kept', { flush: true });
  await storage.snapshots.unmount('v');
  assert.equal(readFileSync(join(await storage.snapshots.mount('v'), 'f'), 'utf8'), 'kept');
  const layer = await storage.snapshots.commit('v');
  assert.ok(layer);
  const [directory = ''] = storage.layers.lowerDirs(layer.chainId);
  assert.equal(readFileSync(join(directory, 'f'), 'utf8'), 'kept');
});

const HOLDER = `
import { openStorage } from ${JSON.stringify(join(import.meta.dirname, '../../src/storage/index.ts'))};
import { silentLogger } from ${JSON.stringify(join(import.meta.dirname, '../../src/core/log.ts'))};
import { writeFileSync } from 'node:fs';
const storage = await openStorage({ dataRoot: process.argv[2], log: silentLogger });
await storage.snapshots.prepare('alive', null);
writeFileSync((await storage.snapshots.mount('alive')) + '/f', 'x');
await storage.volumes.create({ name: 'data' });
console.log('ready');
setInterval(() => undefined, 1000);
`;

test('after kill -9 mounts of known snapshots are taken up, all else is cleared away', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  writeFileSync(join(root, 'holder.ts'), HOLDER);
  const holder = spawn(process.execPath, [join(root, 'holder.ts'), join(root, 'data')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise((resolve) => holder.once('exit', resolve));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  // One owner at a time.
  await assert.rejects(open(root), { code: 'DATA_ROOT_IN_USE', message: new RegExp(`pid ${holder.pid}`) });
  holder.kill('SIGKILL');
  await gone;

  // What an interrupted operation might have left.
  const stranger = join(root, 'data/snapshots/strange/merged');
  mkdirSync(stranger, { recursive: true });
  mount({ source: 'tmpfs', target: stranger, type: 'tmpfs' });
  mkdirSync(join(root, 'data/layers/halfone/fs'), { recursive: true });
  mkdirSync(join(root, 'data/tmp/layer-x/fs'), { recursive: true });
  mkdirSync(join(root, 'data/volumes/norecord/_data'), { recursive: true });
  mkdirSync(join(root, 'data/volumes/precious/_data/file'), { recursive: true });

  await using storage = await open(root);
  const merged = storage.snapshots.mountpoint('alive');
  assert.ok(merged);
  assert.deepEqual(mountsBelow(root), [merged]);
  assert.equal(readFileSync(join(merged, 'f'), 'utf8'), 'x');
  assert.equal(await storage.snapshots.mount('alive'), merged);
  assert.deepEqual(
    storage.volumes.list().map(({ name }) => name),
    ['data'],
  );
  assert.equal(existsSync(join(root, 'data/volumes/norecord')), false);
  assert.equal(existsSync(join(root, 'data/volumes/precious/_data/file')), true, 'data is never deleted on a guess');
  await storage.snapshots.remove('alive');
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });
});

test('a snapshot in use is unmounted all the same', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await storage.snapshots.prepare('busy', null);
  const user = spawn('sleep', ['60'], { cwd: await storage.snapshots.mount('busy'), stdio: 'ignore' });
  await new Promise((resolve) => user.once('spawn', resolve));
  await storage.snapshots.remove('busy');
  assert.deepEqual(mountsBelow(root), []);
  user.kill('SIGKILL');
  await new Promise((resolve) => user.once('exit', resolve));
});
