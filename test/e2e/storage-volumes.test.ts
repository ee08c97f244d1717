import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { leftovers, listing, open, sh, temporaryRoot } from './storage-support.ts';

test('volumes are made once by name, and go with their data', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { volume, created } = await storage.volumes.create({ name: 'db.data_1-x', labels: { a: 'b' } });
  assert.equal(created, true);
  assert.deepEqual(await storage.volumes.create({ name: 'db.data_1-x' }), { volume, created: false });
  assert.deepEqual(volume.labels, { a: 'b' });
  assert.equal(volume.anonymous, false);
  writeFileSync(join(storage.volumes.dataPath('db.data_1-x'), 'f'), '12345');
  assert.equal(await storage.volumes.sizeBytes('db.data_1-x'), 5);
  const anonymous = (await storage.volumes.create({})).volume;
  assert.match(anonymous.name, /^[a-f0-9]{64}$/);
  assert.equal(anonymous.anonymous, true);
  for (const { name } of storage.volumes.list()) await storage.volumes.remove(name);
  await storage.volumes.remove('db.data_1-x');
  assert.deepEqual(storage.volumes.list(), []);
  assert.equal(existsSync(join(root, 'data/volumes/db.data_1-x')), false);
  assert.deepEqual(leftovers(root)['tmp'], []);
});

test('bad names of volumes are refused in the known words', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  for (const name of ['../x', 'a b', '-x', '.hidden', 'a/b', 'ä1']) {
    await assert.rejects(storage.volumes.create({ name }), {
      status: 400,
      message: `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    });
  }
  await assert.rejects(storage.volumes.create({ name: 'x' }), /volume name is too short/);
});

test('an empty volume takes content, owner and mode of the directory in the image; one with files nothing', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh(
    `mkdir -p d/sub && echo one > d/f && ln d/f d/sub/hard && ln -s f d/link && mknod d/null c 1 3 && chmod 2770 d && chown 999:998 d
     touch d/.wh.name && chown 5:6 d/sub && setfattr -n user.x -v y d/sub 2>/dev/null || true; touch -d '2001-01-01 01:01:01.5' d/sub`,
    root,
  );
  await storage.volumes.create({ name: 'vol' });
  await storage.volumes.copyUp('vol', join(root, 'd'));
  const data = storage.volumes.dataPath('vol');
  assert.equal(await listing(data), await listing(join(root, 'd')));
  assert.equal((await sh(`stat -c '%a %u:%g' .`, data)).trim(), '2770 999:998');
  writeFileSync(join(data, 'f'), 'mine');
  await storage.volumes.copyUp('vol', join(root, 'd'));
  assert.equal(readFileSync(join(data, 'f'), 'utf8'), 'mine');
  await storage.volumes.create({ name: 'other' });
  await storage.volumes.copyUp('other', join(root, 'nowhere'));
  assert.equal(await listing(storage.volumes.dataPath('other')), '');
});
