import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { isMapped } from './support/userns.ts';
import { run } from './support/run.ts';
import { withRegistry } from './registry-lab.ts';
import { listing, sh } from './storage-support.ts';

async function ok(daemon: TestDaemon, ...args: string[]): Promise<string> {
  const outcome = await run(wharfPath, args, { env: daemon.env });
  assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr}`);
  return outcome.stdout;
}

const LONG = 'a-long-name-'.repeat(18);

/** All kinds of files that an image may have. */
const TREE = `
mkdir -p bin dev etc/deep usr/lib opaque/below gone "spaces and ünïcode" ${LONG}/${LONG}
cp /bin/busybox bin/busybox; for a in sh cat stat ls find sha256sum getcap; do ln -s busybox bin/$a; done
cp /bin/busybox bin/ping; setcap cap_net_raw+ep bin/ping
echo one > etc/one; ln etc/one etc/two; ln etc/one usr/lib/three
echo deep > ${LONG}/${LONG}/file; ln -s ../${LONG}/${LONG} etc/to-long; ln -s /etc/one usr/lib/absolute
chown 60000:50000 etc/one; echo far > etc/far; chown 70000:80000 etc/far; chown -h 5:6 usr/lib/absolute; chmod 4755 bin/busybox; chmod 1777 etc/deep
mknod dev/null-like c 1 3; mknod dev/disk b 7 9; mkfifo etc/pipe
truncate -s 50M usr/sparse; printf middle | dd of=usr/sparse bs=1 seek=20000000 conv=notrunc status=none
setfattr -n user.note -v 'a value' etc/one; printf 'binary\\0value' > /dev/null
touch -h -d '2001-02-03 04:05:06.123456789' etc/one usr/lib/absolute; touch -d '1969-12-31 23:59:50.5' usr/sparse
echo x > opaque/below/x; echo y > gone/y; echo ' ' > "spaces and ünïcode/*?"
touch -d '2010-01-01 00:00:00.000000001' etc opaque
`;

test('files of every kind are the same after import, run, push, pull, save, load and export', {
  timeout: 240_000,
}, async () => {
  await withDaemon(async (daemon) => {
    const work = join(daemon.directory, 'files');
    const tree = join(work, 'tree');
    mkdirSync(tree, { recursive: true });
    await sh(TREE, tree);
    const tar = `tar --format=posix --xattrs --xattrs-include='*' --sparse --numeric-owner`;
    await sh(`${tar} -C tree -cf tree.tar .`, work);
    const want = await listing(tree);
    assert.match(want, /security\.capability/);
    /** What an image's topmost layer holds, as it lies on the disk. */
    const listed = async (image: string): Promise<string> => {
      const directory = await ok(daemon, 'image', 'inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', image);
      return listing(directory.trim());
    };
    await ok(daemon, 'import', join(work, 'tree.tar'), 'files:1');
    assert.equal(await listed('files:1'), want, 'import');
    await ok(daemon, 'create', '--name', 'look', 'files:1', 'sh');
    await ok(daemon, 'export', '-o', join(work, 'export.tar'), 'look');
    const exported = await sh('tar --numeric-owner -tvf export.tar', work);
    assert.match(exported, /-rwxr-xr-x 0\/0 .* bin\/ping\n/);
    assert.match(exported, /hrw-r--r-- 60000\/50000 .* etc\/two link to etc\/one/);
    assert.match(exported, /crw-r--r-- 0\/0 +1,3 .* dev\/null-like/);
    await ok(daemon, 'rm', 'look');
    const inside = await ok(
      daemon,
      'run',
      '--rm',
      'files:1',
      'sh',
      '-c',
      'stat -c "%u:%g %h %Y" /etc/two; stat -c %u:%g /etc/far; cat /usr/lib/three /etc/to-long/file; sha256sum < /usr/sparse',
    );
    const sum = await sh(`sha256sum < usr/sparse`, tree);
    const far = isMapped ? '65534:65534' : '70000:80000';
    assert.equal(inside, `60000:50000 3 981173106\n${far}\none\ndeep\n${sum}`);
    assert.ok(Number(await sh(`du -k ${daemon.dataRoot}/layers | tail -1 | cut -f1`)) < 20_000, 'holes are kept');

    await withRegistry(async (registry) => {
      const name = `${registry.host}/team/files:1`;
      await ok(daemon, 'tag', 'files:1', name);
      await ok(daemon, 'push', '-q', name);
      await ok(daemon, 'rmi', 'files:1', name);
      assert.equal((await ok(daemon, 'images', '-aq')).trim(), '');
      await ok(daemon, 'pull', '-q', name);
      assert.equal(await listed(name), want, 'push and pull');
      const archive = join(work, 'saved.tar');
      await ok(daemon, 'save', '-o', archive, name);
      await ok(daemon, 'rmi', name);
      await ok(daemon, 'load', '-i', archive);
      assert.equal(await listed(name), want, 'save and load');

      // Another layer hides, replaces and changes what is below; carried along, it does the same elsewhere.
      const change = `b=/bin/busybox; $b rm -r /gone /opaque; $b mkdir /opaque; echo new > /opaque/new; $b chmod 600 /etc/one
        echo more >> /usr/lib/three; $b rm /etc/pipe; $b mkdir /etc/pipe`;
      await ok(daemon, 'run', '--name', 'step', name, 'sh', '-c', change);
      await ok(daemon, 'commit', 'step', `${registry.host}/team/changed:1`);
      await ok(daemon, 'rm', 'step');
      const changed = `${registry.host}/team/changed:1`;
      const before = await listed(changed);
      assert.match(before, /\.\/gone c 0/);
      assert.match(before, /\.\/opaque\/new f/);
      const look = 'find /opaque; test ! -e /gone && test -d /etc/pipe && stat -c %a /etc/one && cat /usr/lib/three';
      const seen = () => ok(daemon, 'run', '--rm', changed, 'sh', '-c', look);
      assert.equal(await seen(), '/opaque\n/opaque/new\n600\none\nmore\n');
      await ok(daemon, 'push', '-q', changed);
      await ok(daemon, 'rmi', changed, name);
      await ok(daemon, 'pull', '-q', changed);
      assert.equal(await listed(changed), before);
      assert.equal(await seen(), '/opaque\n/opaque/new\n600\none\nmore\n');
    });
  });
});

test('an image of 127 layers runs; images share what is below', { timeout: 180_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const work = join(daemon.directory, 'many');
    mkdirSync(work);
    await ok(daemon, 'save', '-o', join(work, 'base.tar'), 'busybox');
    await sh('mkdir base && tar -C base -xf base.tar', work);
    const base = JSON.parse(await sh('cat base/manifest.json', work)) as [{ Layers: string[]; Config: string }];
    const config = JSON.parse(await sh(`cat base/${base[0].Config}`, work)) as {
      rootfs: { diff_ids: string[] };
      history: object[];
    };
    const layers: string[] = [...base[0].Layers];
    for (let i = 2; i <= 127; i++) {
      const tar = pack();
      tar.entry({ name: `layers/${i}` }, `${i}\n`);
      tar.entry({ name: 'layers/top' }, `${i}\n`);
      if (i > 2) tar.entry({ name: `layers/.wh.${i - 1}` }, '');
      tar.finalize();
      const pieces: Buffer[] = [];
      for await (const piece of tar) pieces.push(piece as Buffer);
      writeFileSync(join(work, 'base', `${i}.tar`), Buffer.concat(pieces));
      layers.push(`${i}.tar`);
      config.rootfs.diff_ids.push(`sha256:${createHash('sha256').update(Buffer.concat(pieces)).digest('hex')}`);
      config.history.push({ created_by: `layer ${i}` });
    }
    writeFileSync(join(work, 'base/config.json'), JSON.stringify(config));
    writeFileSync(
      join(work, 'base/manifest.json'),
      JSON.stringify([{ Config: 'config.json', RepoTags: ['many:127'], Layers: layers }]),
    );
    await sh('rm base/index.json; tar -C base -cf many.tar .', work);
    await ok(daemon, 'load', '-i', join(work, 'many.tar'));
    assert.equal(
      await ok(daemon, 'run', '--rm', 'many:127', 'sh', '-c', 'ls /layers; cat /layers/top'),
      '127\ntop\n127\n',
    );
    assert.equal(readdirSync(join(daemon.dataRoot, 'layers')).filter((name) => name !== 'init').length, 127);
    const report = JSON.parse(await ok(daemon, 'image', 'layers', '--json', 'many:127')) as {
      CreatedBy: string;
      Deleted: number;
    }[];
    assert.equal(report.length, 127);
    assert.deepEqual([report[126]?.CreatedBy, report[126]?.Deleted], ['layer 127', 1]);
    // A container on it can be committed, and that runs too, with 128 directories below its own.
    await ok(daemon, 'run', '--name', 'step', 'many:127', 'sh', '-c', 'echo 128 > /layers/top');
    await ok(daemon, 'commit', 'step', 'many:128');
    await ok(daemon, 'rm', 'step');
    assert.equal(await ok(daemon, 'run', '--rm', 'many:128', 'cat', '/layers/top'), '128\n');
    await ok(daemon, 'rmi', 'many:128', 'many:127');
    assert.equal(await ok(daemon, 'run', '--rm', 'busybox', 'echo', 'base'), 'base\n');
    assert.equal(readdirSync(join(daemon.dataRoot, 'layers')).filter((name) => name !== 'init').length, 1);
  });
});
