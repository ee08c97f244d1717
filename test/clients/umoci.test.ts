import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

function programs(daemon: TestDaemon) {
  const ok = async (command: string, ...args: string[]) => {
    const outcome = await run(command, args, { env: daemon.env });
    assert.equal(outcome.code, 0, `${command} ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout;
  };
  return { wharf: (...args: string[]) => ok(wharfPath, ...args), ok };
}

test('umoci takes the OCI layouts that save and build write, and unpacks what is in the image', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    const { wharf, ok } = programs(daemon);
    await importBusybox(daemon.socket);
    const work = join(daemon.directory, 'umoci');
    mkdirSync(join(work, 'context'), { recursive: true });
    writeFileSync(
      join(work, 'context/Dockerfile'),
      'FROM busybox\nRUN echo built > /built && chown 7:8 /built && ln /built /twin && rm /bin/ls && mkfifo /pipe\nLABEL of=umoci\nUSER 9\n',
    );
    const built = join(work, 'built.tar');
    await wharf('build', '-q', '-t', 'built:1', '-o', `type=oci,dest=${built}`, join(work, 'context'));
    const saved = join(work, 'saved.tar');
    await wharf('build', '-q', '-t', 'built:1', join(work, 'context'));
    await wharf('save', '-o', saved, 'built:1');
    for (const [name, archive] of [
      ['built', built],
      ['saved', saved],
    ] as const) {
      const layout = join(work, name);
      mkdirSync(layout);
      await ok('tar', '-C', layout, '-xf', archive);
      assert.equal((await ok('umoci', 'ls', '--layout', layout)).trim(), '1');
      const stat = JSON.parse(await ok('umoci', 'stat', '--json', '--image', `${layout}:1`)) as {
        history: { created_by?: string; empty_layer: boolean; layer: { digest: string } | null }[];
      };
      assert.ok(stat.history.some(({ created_by }) => created_by?.includes('echo built')));
      const bundle = join(work, `${name}-bundle`);
      await ok('umoci', 'unpack', '--image', `${layout}:1`, bundle);
      const look = 'stat -c %u:%g:%h built; cat twin; test ! -e bin/ls; stat -c %F pipe';
      assert.equal(await ok('sh', '-ec', `cd ${bundle}/rootfs; ${look}`), '7:8:2\nbuilt\nfifo\n');
      const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
        process: { user: { uid: number } };
        annotations: Record<string, string>;
      };
      assert.equal(config.process.user.uid, 9);
      assert.equal(config.annotations['of'], 'umoci');
      // A change of umoci's own goes on top, and comes back.
      writeFileSync(join(bundle, 'rootfs/by-umoci'), 'yes\n');
      await ok('umoci', 'repack', '--image', `${layout}:2`, bundle);
      await ok('umoci', 'gc', '--layout', layout);
      await ok('tar', '-C', layout, '-cf', join(work, 'again.tar'), 'blobs', 'index.json', 'oci-layout');
      const loaded = await wharf('load', '-i', join(work, 'again.tar'));
      const ids = [...loaded.matchAll(/Loaded image(?: ID)?: (\S+)/g)].map((m) => m[1] ?? '');
      const changed = ids.at(-1) ?? '';
      assert.equal(await wharf('run', '--rm', changed, 'cat', '/by-umoci', '/twin'), 'yes\nbuilt\n', loaded);
    }
  });
});

test('an image that umoci made from nothing is loaded and runs', { timeout: 60_000 }, async () => {
  await withDaemon(async (daemon) => {
    const { wharf, ok } = programs(daemon);
    const work = join(daemon.directory, 'umoci');
    mkdirSync(work);
    const layout = join(work, 'layout');
    copyFileSync('/bin/busybox', join(work, 'busybox'));
    await ok('umoci', 'init', '--layout', layout);
    await ok('umoci', 'new', '--image', `${layout}:own.example/made:1`);
    await ok('umoci', 'insert', '--image', `${layout}:own.example/made:1`, join(work, 'busybox'), '/bin/sh');
    await ok(
      'umoci',
      'config',
      '--image',
      `${layout}:own.example/made:1`,
      '--config.cmd',
      'sh',
      '--config.cmd',
      '-c',
      '--config.cmd',
      'echo made',
    );
    await ok('tar', '-C', layout, '-cf', join(work, 'made.tar'), '.');
    assert.equal(await wharf('load', '-i', join(work, 'made.tar')), 'Loaded image: own.example/made:1\n');
    assert.equal(await wharf('run', '--rm', 'own.example/made:1'), 'made\n');
  });
});
