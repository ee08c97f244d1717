import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLogger } from '../../core/log.ts';
import type { VolumeCreateRequest } from '../../core/wire/resources.ts';
import { openStorage } from '../../storage/index.ts';
import { createVolumes } from './volumes.ts';

/** Volumes on real storage; `users` says which containers use which volume. */
async function open(t: TestContext, users: Record<string, string[]> = {}) {
  const dataRoot = mkdtempSync(join(tmpdir(), 'wharf-volumes-'));
  const storage = await openStorage({ dataRoot, log: silentLogger });
  t.after(async () => {
    await storage[Symbol.asyncDispose]();
    rmSync(dataRoot, { recursive: true, force: true });
  });
  const published: string[] = [];
  const volumes = createVolumes({
    storage,
    publish: (e) => published.push(`${e.action} ${e.id}`),
    usersOfVolume: (name) => users[name] ?? [],
  });
  return { volumes, published };
}

test('create is idempotent, and only the first one is an event', async (t) => {
  const { volumes, published } = await open(t);
  const first = await volumes.create({ Name: 'data', Labels: { a: 'b' } });
  assert.equal(first.Driver, 'local');
  assert.ok(existsSync(first.Mountpoint));
  assert.deepEqual(await volumes.create({ Name: 'data', Labels: { other: 'x' } }), first);
  assert.deepEqual(published, ['create data']);
  assert.deepEqual(await volumes.inspect('data'), first);
});

test('without a name it gets 64 digits and the label that marks it', async (t) => {
  const { volumes } = await open(t);
  const { Name, Labels } = await volumes.create({ Name: '' });
  assert.match(Name, /^[0-9a-f]{64}$/);
  assert.deepEqual(Labels, { 'com.docker.volume.anonymous': '' });
});

const refused: [what: string, request: VolumeCreateRequest, code: string, message: RegExp][] = [
  [
    'another driver',
    { Name: 'x1', Driver: 'nfs' },
    'VOLUME_DRIVER_NOT_FOUND',
    /^create x1: error looking up volume plugin nfs/,
  ],
  ['a name too short', { Name: 'x' }, 'VOLUME_REFUSED', /volume name is too short/],
  ['a relative path as name', { Name: './x' }, 'VOLUME_REFUSED', /includes invalid characters for a local volume name/],
  ['an unknown option', { Name: 'x1', DriverOpts: { foo: '1' } }, 'INVALID_PARAMETER', /invalid option: "foo"$/],
  [
    'a type without device',
    { Name: 'x1', DriverOpts: { type: 'nfs' } },
    'INVALID_PARAMETER',
    /missing required option: "device"$/,
  ],
];
for (const [what, request, code, message] of refused)
  test(`create refuses ${what}`, async (t) => {
    const { volumes, published } = await open(t);
    await assert.rejects(volumes.create(request), { code, message });
    assert.deepEqual([published, (await volumes.list({})).Volumes], [[], []]);
  });

test('list filters by name, label and whether anybody uses it', async (t) => {
  const { volumes } = await open(t, { used: ['c1'] });
  await volumes.create({ Name: 'used', Labels: { a: 'b' } });
  await volumes.create({ Name: 'free' });
  const names = async (filters: Record<string, string[]>) =>
    (await volumes.list(filters)).Volumes.map((v) => v.Name).sort();
  assert.deepEqual(await names({}), ['free', 'used']);
  assert.deepEqual(await names({ name: ['fre'] }), ['free']);
  assert.deepEqual(await names({ label: ['a=b'] }), ['used']);
  assert.deepEqual(await names({ dangling: ['true'] }), ['free']);
  assert.deepEqual(await names({ dangling: ['0'] }), ['used']);
  await assert.rejects(volumes.list({ dangling: ['maybe'] }), { message: "invalid filter 'dangling=[maybe]'" });
  await assert.rejects(volumes.list({ colour: ['x'] }), { message: "invalid filter 'colour'" });
});

test('remove: not what is used, not what is not there, unless forced', async (t) => {
  const { volumes, published } = await open(t, { used: ['c1', 'c2'] });
  await volumes.create({ Name: 'used' });
  await volumes.create({ Name: 'free' });
  await assert.rejects(volumes.remove('used', true), { message: 'remove used: volume is in use - [c1, c2]' });
  await assert.rejects(volumes.remove('nope', false), { message: 'get nope: no such volume' });
  await volumes.remove('nope', true);
  const { Mountpoint } = await volumes.inspect('free');
  await volumes.remove('free', false);
  assert.ok(!existsSync(Mountpoint));
  assert.deepEqual(published, ['create used', 'create free', 'destroy free']);
});

test('prune: anonymous ones only, unless all; never what is used; labels choose', async (t) => {
  const users: Record<string, string[]> = {};
  const { volumes } = await open(t, users);
  const anonymous = await volumes.create({});
  const inUse = await volumes.create({});
  users[inUse.Name] = ['c1'];
  await volumes.create({ Name: 'named', Labels: { keep: '1' } });
  await volumes.create({ Name: 'other' });
  writeFileSync(join(anonymous.Mountpoint, 'file'), 'x'.repeat(5000));
  const first = await volumes.prune({});
  assert.deepEqual(first.VolumesDeleted, [anonymous.Name]);
  assert.ok(first.SpaceReclaimed >= 5000);
  assert.deepEqual((await volumes.prune({ all: ['true'], 'label!': ['keep'] })).VolumesDeleted, ['other']);
  assert.deepEqual((await volumes.list({})).Volumes.map((v) => v.Name).sort(), [inUse.Name, 'named'].sort());
});
