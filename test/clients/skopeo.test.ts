import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

test('skopeo: reads what save wrote, in both layouts; load reads what skopeo wrote', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = (...args: string[]) => run(wharfPath, args, { env: daemon.env });
    const work = join(daemon.directory, 'skopeo');
    mkdirSync(work);
    const archive = join(work, 'saved.tar');
    const saved = await wharf('save', '-o', archive, 'busybox');
    assert.equal(saved.code, 0, saved.stderr);

    const inspected = await run('skopeo', ['inspect', `docker-archive:${archive}`]);
    assert.equal(inspected.code, 0, inspected.stderr);
    assert.equal((JSON.parse(inspected.stdout) as { Os: string }).Os, 'linux');
    const copied = await run('skopeo', [
      'copy',
      `oci-archive:${archive}`,
      `docker-archive:${join(work, 'copy.tar')}:copied:1`,
    ]);
    assert.equal(copied.code, 0, copied.stderr);

    const loaded = await wharf('load', '-i', join(work, 'copy.tar'));
    assert.match(loaded.stdout, /Loaded image: copied:1/, loaded.stderr);
    assert.equal((await wharf('run', '--rm', 'copied:1', 'echo', 'from skopeo')).stdout, 'from skopeo\n');
  });
});

test('skopeo: archives of both kinds go both ways, with several images in one', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const ok = async (program: string, ...args: string[]) => {
      const outcome = await run(program, args, { env: daemon.env });
      assert.equal(outcome.code, 0, `${program} ${args.join(' ')}: ${outcome.stderr}`);
      return outcome.stdout;
    };
    const wharf = (...args: string[]) => ok(wharfPath, ...args);
    const work = join(daemon.directory, 'skopeo');
    mkdirSync(work);
    await wharf('run', '--name', 'step', 'busybox', 'sh', '-c', 'echo two > /two');
    await wharf('commit', 'step', 'two:2');
    await wharf('rm', 'step');
    const saved = join(work, 'saved.tar');
    await wharf('save', '-o', saved, 'busybox', 'two:2');

    // By name from an archive of several; both kinds of archives, and back.
    await ok('skopeo', 'copy', `docker-archive:${saved}:two:2`, `oci-archive:${work}/two.oci.tar:own.example/two:3`);
    await ok('skopeo', 'copy', `oci-archive:${saved}:2`, `docker-archive:${work}/two.docker.tar:own.example/two:4`);
    await ok('skopeo', 'copy', `docker-archive:${saved}:busybox:latest`, `oci:${work}/layout:one`);
    await ok('skopeo', 'copy', `oci:${work}/layout:one`, `dir:${work}/dir`);
    await wharf('rmi', 'two:2');
    assert.equal(await wharf('load', '-i', join(work, 'two.oci.tar')), 'Loaded image: own.example/two:3\n');
    assert.equal(await wharf('load', '-i', join(work, 'two.docker.tar')), 'Loaded image: own.example/two:4\n');
    for (const tag of ['3', '4']) {
      assert.equal(await wharf('run', '--rm', `own.example/two:${tag}`, 'cat', '/two'), 'two\n');
    }
  });
});
