import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ChainId, DiffId } from '../../src/core/digest.ts';
import { lgetXattr, lsetXattr } from '../../src/linux/index.ts';
import { gather, leftovers, listing, open, sh, temporaryRoot } from './storage-support.ts';

/** Everything that a layer can hold. The capability is CAP_NET_RAW+ep, as setcap writes it. */
async function makeTree(directory: string): Promise<void> {
  await sh(
    `mkdir -p "$0"/{bin,etc,var/empty,deep} && cd "$0"
     echo ping > bin/ping; echo su > bin/su; chown 1000:50 bin/su; chmod 6755 bin/su; ln bin/su bin/su-link
     ln -s ../etc/passwd bin/link; ln -s /nowhere bin/dangling; mknod etc/null c 1 3; mknod etc/disk b 8 1; mkfifo etc/pipe
     chmod 1777 var/empty; chown 33:33 var; truncate -s 3000000 deep/large; printf 'größe' > $'deep/gr\\xc3\\xb6\\xc3\\x9fe'
     printf x > $'deep/caf\\xe9'; n=$(printf 'n%.0s' {1..120}); mkdir -p deep/$n; echo long > deep/$n/$n
     touch -d '2001-02-03 04:05:06.123456789' bin/ping; touch -h -d '1999-01-01 00:00:00' bin/link; touch -d '2000-01-01 00:00:00' etc`.replaceAll(
      '"$0"',
      directory,
    ),
  );
  lsetXattr(
    join(directory, 'bin/ping'),
    'security.capability',
    Buffer.from('0100000200200000000000000000000000000000', 'hex'),
  );
  lsetXattr(join(directory, 'etc'), 'user.note', 'kept');
}

async function tarOf(tree: string, tar: string): Promise<DiffId> {
  await sh(`tar --format=pax --xattrs --xattrs-include='*' -C ${tree} -cf ${tar} .`);
  return `sha256:${createHash('sha256').update(readFileSync(tar)).digest('hex')}` as DiffId;
}

test('a layer keeps all that its tar holds, and gives back the same tar', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await makeTree(join(root, 'tree'));
  const diffId = await tarOf(join(root, 'tree'), join(root, 'l.tar'));
  const layer = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')), { expect: diffId });
  assert.equal(layer.diffId, diffId);
  assert.equal(layer.tarBytes, readFileSync(join(root, 'l.tar')).length);
  const [directory = ''] = storage.layers.lowerDirs(layer.chainId);
  assert.equal(await listing(directory), await listing(join(root, 'tree')));
  for (const [file, name] of [
    ['bin/ping', 'security.capability'],
    ['etc', 'user.note'],
  ] as const) {
    const value = lgetXattr(join(directory, file), name);
    assert.ok(value);
    assert.deepEqual(value, lgetXattr(join(root, 'tree', file), name));
  }
  const again = await gather(await storage.layers.tar(layer.chainId));
  assert.ok(again.equals(readFileSync(join(root, 'l.tar'))));

  await storage.layers.remove(layer.chainId);
  await storage.layers.remove(layer.chainId);
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });
});

test('what is committed can be carried as a tar to another data root, with the same diffID', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  const other = temporaryRoot(t);
  await using storage = await open(root);
  await using elsewhere = await open(other);
  await makeTree(join(root, 'tree'));
  await tarOf(join(root, 'tree'), join(root, 'l.tar'));
  const base = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')));
  await elsewhere.layers.apply(null, createReadStream(join(root, 'l.tar')));

  await storage.snapshots.prepare('step', base.chainId);
  const merged = await storage.snapshots.mount('step');
  await sh(
    `rm bin/ping; rm -r deep; mkdir deep; echo new > deep/new; mkdir added; ln deep/new added/hard; chmod 4711 bin/su
     chown 7:7 var/empty; mknod etc/zero c 1 5; mkdir etc/sub; ln -s x etc/sub/l; rm etc/pipe; mkdir etc/pipe; touch etc/hosts`,
    merged,
  );
  lsetXattr(join(merged, 'added'), 'user.a', 'b');
  const before = await listing(merged);
  const layer = await storage.snapshots.commit('step', { exclude: ['/etc/hosts'] });
  assert.ok(layer);
  assert.equal(storage.snapshots.has('step'), false);
  assert.equal(storage.snapshots.mountpoint('step'), undefined);

  const tar = await gather(await storage.layers.tar(layer.chainId));
  writeFileSync(join(root, 'step.tar'), tar);
  assert.deepEqual((await sh(`tar -tf ${join(root, 'step.tar')}`)).trim().split('\n'), [
    'added/',
    'added/hard',
    'bin/',
    'bin/.wh.ping',
    'bin/su',
    'deep/',
    'deep/.wh..wh..opq',
    'deep/new',
    'etc/',
    'etc/pipe/',
    'etc/sub/',
    'etc/sub/l',
    'etc/zero',
    'var/',
    'var/empty/',
  ]);
  const copy = await elsewhere.layers.apply(base.chainId, Readable.from([tar]), { expect: layer.diffId });
  assert.equal(copy.chainId, layer.chainId);
  await elsewhere.snapshots.prepare('look', copy.chainId);
  const seen = await elsewhere.snapshots.mount('look');
  // Layers carry whole seconds; the mount points below all layers are each data root's own.
  const STUBS = /^\.\/(\.dockerenv|dev|proc|sys|etc\/(hosts|hostname|resolv\.conf|mtab)).*\n/gm;
  const seconds = (text: string): string => text.replace(/\.\d{10}/g, '').replace(STUBS, '');
  assert.equal(seconds(await listing(seen)), seconds(before));
  await elsewhere.snapshots.remove('look');
});

test('a commit without changes makes no layer', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh(`mkdir -p tree/etc tree/tmp && echo a > tree/etc/a`, root);
  await tarOf(join(root, 'tree'), join(root, 'l.tar'));
  const base = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')));
  await storage.snapshots.prepare('step', base.chainId);
  await sh('chmod 755 tmp; chown 0:0 etc; echo b > etc/resolv.conf', await storage.snapshots.mount('step'));
  assert.equal(await storage.snapshots.commit('step', { exclude: ['etc/resolv.conf'] }), null);
  assert.equal(leftovers(root)['snapshots']?.length, 0);
});

test('a directory whose times or attributes alone changed is part of the layer', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh('mkdir -p tree/srv/noted tree/tmp tree/var/same', root);
  await tarOf(join(root, 'tree'), join(root, 'l.tar'));
  const base = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')));
  await storage.snapshots.prepare('step', base.chainId);
  const merged = await storage.snapshots.mount('step');
  await sh('touch tmp/x && rm tmp/x; chmod 755 var/same', merged);
  lsetXattr(join(merged, 'srv/noted'), 'user.a', 'b');
  const layer = await storage.snapshots.commit('step');
  assert.ok(layer);
  writeFileSync(join(root, 'step.tar'), await gather(await storage.layers.tar(layer.chainId)));
  assert.equal(await sh(`tar -tf ${join(root, 'step.tar')}`), 'srv/\nsrv/noted/\ntmp/\n');
});

test('whiteouts and opaque directories hide what is below, wherever they stand in the tar', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh('mkdir -p a/d/sub a/e && touch a/d/old a/d/sub/old a/e/old a/e/kept a/gone', root);
  await tarOf(join(root, 'a'), join(root, 'a.tar'));
  // In b the opaque mark comes after an entry of the same directory, and `e/kept` is deleted and there again.
  await sh(
    `mkdir -p b/d b/e && touch b/d/new b/d/.wh..wh..opq b/.wh.gone b/e/.wh.old b/e/.wh.kept b/e/kept b/.wh..wh.aufs
     tar --no-recursion -C b -cf b.tar d/new d/.wh..wh..opq .wh.gone .wh..wh.aufs e/.wh.old e/kept e/.wh.kept`,
    root,
  );
  const a = await storage.layers.apply(null, createReadStream(join(root, 'a.tar')));
  const b = await storage.layers.apply(a.chainId, createReadStream(join(root, 'b.tar')));
  await storage.snapshots.prepare('s', b.chainId);
  const merged = await storage.snapshots.mount('s');
  assert.deepEqual((await sh('find d e gone 2>/dev/null | sort || true', merged)).trim().split('\n'), [
    'd',
    'd/new',
    'e',
    'e/kept',
  ]);
  await storage.snapshots.remove('s');
  assert.ok((await gather(await storage.layers.tar(b.chainId))).equals(readFileSync(join(root, 'b.tar'))));
});

test('parents that a tar leaves out take owner and mode from below', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh(
    'mkdir -p a/home/me && chown 5:6 a/home/me && chmod 2750 a/home/me && mkdir -p b/home/me && touch b/home/me/f',
    root,
  );
  await sh('tar -C a -cf a.tar . && tar --no-recursion -C b -cf b.tar home/me/f', root);
  const a = await storage.layers.apply(null, createReadStream(join(root, 'a.tar')));
  const b = await storage.layers.apply(a.chainId, createReadStream(join(root, 'b.tar')));
  const [top = ''] = storage.layers.lowerDirs(b.chainId);
  assert.equal((await sh(`stat -c '%a %u:%g' home/me`, top)).trim(), '2750 5:6');
});

test('a tar that names a file twice is unpacked to the last one and given back as it was', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh(
    `mkdir -p d && echo one > f && echo in > d/x && tar -cf l.tar f d && echo two > f && rm -r d && echo file > d
     tar -rf l.tar f d`,
    root,
  );
  const layer = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')));
  const [top = ''] = storage.layers.lowerDirs(layer.chainId);
  assert.equal(await sh('cat f d', top), 'two\nfile\n');
  assert.ok((await gather(await storage.layers.tar(layer.chainId))).equals(readFileSync(join(root, 'l.tar'))));
});

test('a layer with the wrong digest, or cut short, leaves nothing', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh('mkdir tree && echo a > tree/a && tar -C tree -cf l.tar .', root);
  const expect = `sha256:${'0'.repeat(64)}` as DiffId;
  await assert.rejects(storage.layers.apply(null, createReadStream(join(root, 'l.tar')), { expect }), {
    code: 'DIGEST_MISMATCH',
  });
  const cut = readFileSync(join(root, 'l.tar')).subarray(0, 1025);
  await assert.rejects(storage.layers.apply(null, Readable.from([cut])), { message: 'unexpected EOF' });
  const abort = new AbortController();
  async function* endless(): AsyncGenerator<Buffer> {
    yield readFileSync(join(root, 'l.tar')).subarray(0, 600);
    abort.abort();
    yield Buffer.alloc(1);
  }
  await assert.rejects(storage.layers.apply(null, endless(), { signal: abort.signal }), { name: 'AbortError' });
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });
  assert.deepEqual(storage.layers.list(), []);
});

test('127 layers are mounted at once', { timeout: 120_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  let parent: ChainId | null = null;
  for (let i = 0; i < 127; i++) {
    await storage.snapshots.prepare('step', parent);
    writeFileSync(join(await storage.snapshots.mount('step'), `file-${i}`), String(i));
    const layer = await storage.snapshots.commit('step');
    parent = layer?.chainId ?? null;
  }
  assert.ok(parent);
  await storage.snapshots.prepare('deep', parent);
  const merged = await storage.snapshots.mount('deep');
  assert.equal((await sh('ls -d file-* | wc -l', merged)).trim(), '127');
  assert.equal(readFileSync(join(merged, 'file-0'), 'utf8'), '0');
  await storage.snapshots.remove('deep');
});

test('a layer in use is not removed', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh('mkdir tree && echo a > tree/a && tar -C tree -cf l.tar .', root);
  const layer = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')));
  await storage.snapshots.prepare('s', layer.chainId);
  await assert.rejects(storage.layers.remove(layer.chainId), { code: 'LAYER_IN_USE' });
  await storage.snapshots.remove('s');
  await storage.layers.remove(layer.chainId);
  assert.equal(storage.layers.find(layer.chainId), undefined);
});

test('attributes that speak to overlayfs are not taken from tars', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh('mkdir -p tree/d', root);
  lsetXattr(join(root, 'tree/d'), 'trusted.overlay.redirect', '/etc');
  await tarOf(join(root, 'tree'), join(root, 'l.tar'));
  const layer = await storage.layers.apply(null, createReadStream(join(root, 'l.tar')));
  const [top = ''] = storage.layers.lowerDirs(layer.chainId);
  assert.equal(lgetXattr(join(top, 'd'), 'trusted.overlay.redirect'), undefined);
});
