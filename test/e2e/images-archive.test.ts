import assert from 'node:assert/strict';
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { silentLogger } from '../../src/core/log.ts';
import type { ProgressMessage } from '../../src/core/wire/resources.ts';
import { configChanges } from '../../src/build/index.ts';
import type { Images } from '../../src/engine/index.ts';
import { openImages } from '../../src/engine/images/images.ts';
import type { Storage } from '../../src/storage/index.ts';
import { leftovers, open, sh, temporaryRoot } from './storage-support.ts';

const SIGNAL = new AbortController().signal;
const ID = '[a-f0-9]{12}';

interface Bench {
  readonly images: Images;
  readonly events: string[];
  /** What containers are said to stand on an image. */
  readonly users: Map<string, { readonly id: string; readonly running: boolean }[]>;
}

async function openBench(storage: Storage): Promise<Bench> {
  const events: string[] = [];
  const users: Bench['users'] = new Map();
  const images: Images = await openImages({
    storage,
    publish: ({ action, attributes }) =>
      void events.push(`${action} ${attributes['name']?.replace(/^sha256:.*/, 'ID')}`),
    usersOfImage: (id) => users.get(id) ?? [],
    snapshotKeyOf: (containerId) => containerId,
    containerForCommit: (ref) => ({
      id: ref,
      imageId: images.get('base:1').id,
      config: { Hostname: 'h', Cmd: ['sh', '-c', 'x'], Env: ['A=1'] },
      pause: async () => async () => undefined,
      committed: () => undefined,
    }),
    log: silentLogger,
    insecureRegistries: [],
    registryMirrors: [],
    transfers: { downloads: 3, uploads: 3 },
  });
  return { images, events, users };
}

/** Imports a small root file system as `base:1`. */
async function importBase(root: string, images: Images): Promise<string> {
  await sh(
    'mkdir -p tree/etc && echo hi > tree/etc/motd && chown 5:6 tree/etc/motd && tar -C tree -cf base.tar .',
    root,
  );
  const changes = ['CMD ["/bin/sh"]', 'ENV PATH=/bin GREETING="good day"', 'LABEL a=b', 'EXPOSE 80'];
  const request = { repository: 'base', tag: '1', message: '', change: configChanges(changes) };
  return images.import(createReadStream(join(root, 'base.tar')), request, SIGNAL);
}

async function load(images: Images, file: string): Promise<string> {
  const messages: ProgressMessage[] = [];
  await images.load(createReadStream(file), { quiet: true }, (m) => messages.push(m), SIGNAL);
  return messages.map((m) => m.stream ?? '').join('');
}

test('an imported image is inspected, saved, read by skopeo, and loaded again the same', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { images, events } = await openBench(storage);
  const id = await importBase(root, images);
  assert.deepEqual(events, ['create ID', 'tag base:1', 'import base:1']);
  const inspected = await images.inspect('base:1');
  assert.deepEqual(inspected.Config.Env, ['PATH=/bin', 'GREETING=good day']);
  assert.deepEqual(inspected.Config.Cmd, ['/bin/sh']);
  assert.deepEqual(inspected.Config.ExposedPorts, { '80/tcp': {} });
  assert.equal(inspected.Comment, 'Imported from -');
  assert.equal(inspected.Size, 3);

  await images.tag('base:1', 'other.example/team/base', 'v2');
  const archive = join(root, 'saved.tar');
  await pipeline(await images.save(['base:1', 'other.example/team/base:v2']), createWriteStream(archive));
  const skopeo = JSON.parse(await sh(`skopeo inspect docker-archive:${archive}:base:1`)) as {
    Layers: string[];
    Env: string[];
  };
  assert.deepEqual(skopeo.Layers, inspected.RootFS.Layers);
  await sh(
    `mkdir oci && tar -C oci -xf saved.tar && skopeo copy -q oci:oci:v2 oci-archive:oci.tar:again.example/x:3`,
    root,
  );
  await sh('gzip -k saved.tar && zstd -q -k saved.tar 2>/dev/null || cp saved.tar saved.tar.zst', root);

  await images.remove('base:1', { force: false, noPrune: false });
  await images.remove('other.example/team/base:v2', { force: false, noPrune: false });
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });

  for (const file of ['saved.tar', 'saved.tar.gz', 'saved.tar.zst']) {
    assert.equal(
      await load(images, join(root, file)),
      'Loaded image: base:1\nLoaded image: other.example/team/base:v2\n',
    );
    assert.equal(images.get('base:1').id, id);
  }
  assert.equal(await load(images, join(root, 'oci.tar')), 'Loaded image: again.example/x:3\n');
  assert.equal(images.get('again.example/x:3').id, id);
  const [directory = ''] = storage.layers.lowerDirs(images.get('base:1').chain[0] as never);
  assert.equal(await sh('stat -c "%u:%g" etc/motd && cat etc/motd', directory), '5:6\nhi\n');
  assert.deepEqual(leftovers(root)['tmp'], []);
});

test('an archive of an old docker save is loaded: a folder a layer, shared ones as links', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { images } = await openBench(storage);
  const script = `
    mkdir -p tree/etc && echo one > tree/etc/one && tar -C tree -cf one.tar . && mkdir tree2 && echo two > tree2/two && tar -C tree2 -cf two.tar .
    d1=$(sha256sum one.tar | cut -d' ' -f1) d2=$(sha256sum two.tar | cut -d' ' -f1); mkdir -p old/$d1 old/$d2 old/shared
    cp one.tar old/$d1/layer.tar; cp two.tar old/$d2/layer.tar; ln -s ../$d1/layer.tar old/shared/layer.tar
    for d in $d1 $d2 shared; do echo 1.0 > old/$d/VERSION; echo '{}' > old/$d/json; done
    config() { printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%s]}}' "$1"; }
    config '"sha256:'$d1'","sha256:'$d2'"' > old/a.json; config '"sha256:'$d1'"' > old/b.json
    printf '[{"Config":"a.json","RepoTags":["old/a:1","old/a:2"],"Layers":["%s/layer.tar","%s/layer.tar"]},{"Config":"b.json","RepoTags":null,"Layers":["shared/layer.tar"]}]' $d1 $d2 > old/manifest.json
    echo '{}' > old/repositories; tar -C old -czf old.tar.gz .`;
  await sh(script, root);
  const told = await load(images, join(root, 'old.tar.gz'));
  assert.match(told, /^Loaded image: old\/a:1\nLoaded image: old\/a:2\nLoaded image ID: sha256:\w+\n$/);
  assert.equal(storage.layers.list().length, 2, 'the layer below is shared');
  assert.equal(images.get('old/a:2').chain.length, 2);
});

test('broken archives are refused in the known words and leave nothing', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { images } = await openBench(storage);
  await importBase(root, images);
  await pipeline(await images.save(['base:1']), createWriteStream(join(root, 'good.tar')));
  await images.remove('base:1', { force: false, noPrune: false });
  await sh(
    `mkdir none count diff && echo x > none/x && tar -C none -cf none.tar x
     for d in count diff; do tar -C $d -xf good.tar; done
     sed -i 's/"Layers":\\[[^]]*\\]/"Layers":[]/' count/manifest.json && tar -C count -cf count.tar .
     layer=$(sed 's/.*"Layers":\\["\\([^"]*\\)".*/\\1/' diff/manifest.json); tar -cf diff/$layer none && tar -C diff -cf diff.tar .`,
    root,
  );
  writeFileSync(join(root, 'cut.tar'), readFileSync(join(root, 'good.tar')).subarray(0, 3000));
  writeFileSync(join(root, 'junk.tar'), 'this is not a tar'.repeat(100));
  const cases: readonly (readonly [string, RegExp])[] = [
    ['none', /^invalid archive: does not contain a manifest.json$/],
    ['count', /^invalid manifest, layers length mismatch: expected 1, got 0$/],
    ['diff', /^invalid diffID for layer 0: expected "sha256:[a-f0-9]{64}", got "sha256:[a-f0-9]{64}"$/],
    ['cut', /^unexpected EOF$/],
    ['junk', /invalid tar header/],
  ];
  for (const [name, message] of cases) await assert.rejects(load(images, join(root, `${name}.tar`)), { message });
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });
  assert.deepEqual(await images.list({ all: true, filters: {}, sharedSize: false }), []);
});

test('a container is committed on top of its image', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { images } = await openBench(storage);
  const base = await importBase(root, images);
  await storage.snapshots.prepare('c1', images.get('base:1').chain.at(-1) ?? null);
  const merged = await storage.snapshots.mount('c1');
  const request = {
    container: 'c1',
    repository: 'made',
    tag: '',
    comment: 'why',
    author: 'me',
    change: configChanges(['USER 7']),
    pause: true,
  };
  const same = await images.commit({ ...request, repository: '', config: undefined });
  assert.deepEqual(images.get(same).chain, images.get('base:1').chain);
  writeFileSync(join(merged, 'new'), '12345');
  const id = await images.commit({ ...request, config: undefined });
  const inspected = await images.inspect('made');
  assert.equal(inspected.Id, id);
  assert.equal(inspected.Parent, base);
  assert.equal(inspected.Author, 'me');
  assert.equal(inspected.Comment, 'why');
  assert.equal(inspected.Config.User, '7');
  assert.equal('Hostname' in inspected.Config, false);
  assert.deepEqual(
    (await images.history('made')).map(({ Id, CreatedBy, Size }) => ({ Id, CreatedBy, Size })),
    [
      { Id: id, CreatedBy: 'sh -c x', Size: 5 },
      { Id: base, CreatedBy: '', Size: 3 },
    ],
  );
  await storage.snapshots.remove('c1');
});

test('removal follows references, containers and children', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { images, users } = await openBench(storage);
  const id = await importBase(root, images);
  const short = id.slice('sha256:'.length, 'sha256:'.length + 12);
  const container = 'c'.repeat(64);
  const rm = (ref: string, force = false) => images.remove(ref, { force, noPrune: false });

  await images.tag('base:1', 'second', '');
  assert.deepEqual(await rm('second'), [{ Untagged: 'second:latest' }]);
  await images.tag('base:1', 'second', '');
  await assert.rejects(rm(short), {
    status: 409,
    message: `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
  });
  await rm('second');
  users.set(id, [{ id: container, running: false }]);
  await assert.rejects(rm('base:1'), {
    status: 409,
    message: `conflict: unable to remove repository reference "base:1" (must force) - container cccccccccccc is using its referenced image ${short}`,
  });
  await assert.rejects(rm(id), {
    message: `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container cccccccccccc`,
  });
  users.set(id, [{ id: container, running: true }]);
  await assert.rejects(rm(id, true), {
    message: `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container cccccccccccc`,
  });
  assert.deepEqual(await rm('base:1', true), [{ Untagged: 'base:1' }]);
  assert.deepEqual(
    (await images.list({ all: false, filters: {}, sharedSize: false })).map((i) => i.RepoTags),
    [[]],
  );

  await images.tag(short, 'base', '1');
  users.clear();
  const child = await images.create({
    config: { ...images.get(id).config, author: 'x' },
    chain: images.get(id).chain,
    parent: images.get(id).id,
    tags: ['child'],
  });
  await assert.rejects(rm(id), {
    message: new RegExp(`unable to delete ${ID} \\(cannot be forced\\) - image has dependent child images`),
  });
  assert.deepEqual(await rm('base:1'), [{ Untagged: 'base:1' }]);
  const [layer] = images.get(id).chain;
  // The last name of the child takes the unnamed parent with it, and the layers of both.
  assert.deepEqual(await rm('child'), [
    { Untagged: 'child:latest' },
    { Deleted: child.id },
    { Deleted: id },
    { Deleted: layer },
  ]);
  await assert.rejects(rm('child'), { status: 404, message: 'No such image: child:latest' });
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });
});

test('images are found by name, ID and prefix; lists are filtered; prune takes what is unused', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { images, users } = await openBench(storage);
  const id = await importBase(root, images);
  for (const ref of ['base:1', 'docker.io/library/base:1', id, id.slice(7), id.slice(7, 20), id.slice(0, 20)]) {
    assert.equal(images.get(ref).id, id, ref);
  }
  for (const [ref, message] of [
    ['nope', 'No such image: nope:latest'],
    ['base', 'No such image: base:latest'],
    ['0'.repeat(64), `No such image: sha256:${'0'.repeat(64)}`],
    ['Base', 'invalid reference format: repository name (library/Base) must be lowercase'],
  ] as const) {
    assert.throws(() => images.get(ref), { message });
  }
  const empty = await images.create({
    config: { ...images.get(id).config, author: 'y' },
    chain: images.get(id).chain,
    tags: ['base:2'],
  });
  const names = async (filters: Record<string, string[]>) =>
    (await images.list({ all: false, filters, sharedSize: true })).flatMap((i) => i.RepoTags).sort();
  assert.deepEqual(await names({}), ['base:1', 'base:2']);
  assert.deepEqual(await names({ reference: ['base:1'] }), ['base:1']);
  assert.deepEqual(await names({ reference: ['b*'] }), ['base:1', 'base:2']);
  assert.deepEqual(await names({ label: ['a=b'] }), ['base:1', 'base:2']);
  assert.deepEqual(await names({ label: ['a=c'] }), []);
  assert.deepEqual(await names({ dangling: ['true'] }), []);
  await assert.rejects(names({ colour: ['red'] }), { status: 400, message: `invalid filter 'colour'` });
  users.set(id, [{ id: 'd'.repeat(64), running: false }]);
  assert.deepEqual(await images.prune({}), { ImagesDeleted: null, SpaceReclaimed: 0 });
  assert.deepEqual((await images.prune({ dangling: ['false'] })).ImagesDeleted, [
    { Untagged: 'base:2' },
    { Deleted: empty.id },
  ]);
  assert.ok(images.find('base:1'));
});

test('what was stored is there after a restart; layers that lost their image are not', {
  timeout: 60_000,
}, async (t) => {
  const root = temporaryRoot(t);
  let id = '';
  {
    await using storage = await open(root);
    const { images } = await openBench(storage);
    id = await importBase(root, images);
    await sh('mkdir -p lost && echo x > lost/x && tar -C lost -cf lost.tar .', root);
    await storage.layers.apply(null, Readable.from([readFileSync(join(root, 'lost.tar'))]));
  }
  await using storage = await open(root);
  const { images } = await openBench(storage);
  assert.equal(images.get('base:1').id, id);
  assert.equal(storage.layers.list().length, 1);
});
