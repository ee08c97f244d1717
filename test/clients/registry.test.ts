import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withRegistry } from '../e2e/registry-lab.ts';

const NO_TLS = ['--src-tls-verify=false', '--dest-tls-verify=false'];

test('skopeo copies to our registry and back, lists, inspects, syncs, deletes', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const work = join(daemon.directory, 'skopeo');
    mkdirSync(work);
    const archive = join(work, 'busybox.tar');
    assert.equal((await run(wharfPath, ['save', '-o', archive, 'busybox'], { env: daemon.env })).code, 0);
    await withRegistry(async (registry) => {
      const ok = async (...args: string[]) => {
        const outcome = await run('skopeo', args);
        assert.equal(outcome.code, 0, `skopeo ${args.join(' ')}: ${outcome.stderr}`);
        return outcome.stdout;
      };
      const at = (name: string) => `docker://${registry.host}/${name}`;
      await ok('copy', ...NO_TLS, `docker-archive:${archive}`, at('lib/busybox:1'));
      await ok('copy', ...NO_TLS, '--format', 'oci', at('lib/busybox:1'), at('other/busybox:2')); // mounts
      await ok('copy', '--dest-compress-format', 'zstd', ...NO_TLS, `docker-archive:${archive}`, at('lib/zstd:1'));
      const inspected = JSON.parse(await ok('inspect', '--tls-verify=false', at('lib/busybox:1'))) as {
        RepoTags: string[];
      };
      assert.deepEqual(inspected.RepoTags, ['1']);
      await ok(
        'sync',
        '--src-tls-verify=false',
        '--src',
        'docker',
        '--dest',
        'dir',
        `${registry.host}/lib/busybox`,
        work,
      );
      await ok('copy', ...NO_TLS, at('other/busybox:2'), `oci:${join(work, 'layout')}:2`);
      await ok('delete', '--tls-verify=false', at('lib/busybox:1'));
      assert.notEqual((await run('skopeo', ['inspect', '--tls-verify=false', at('lib/busybox:1')])).code, 0);
    });
  });
});

test('the docker CLI and ours push to our registry and pull from it', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    await withRegistry(async (registry) => {
      const name = `${registry.host}/team/app`;
      const docker = (...args: string[]) => run('docker', args, { env: daemon.env, timeoutMs: 60_000 });
      const wharf = (...args: string[]) => run(wharfPath, args, { env: daemon.env });
      await docker('tag', 'busybox', `${name}:1`);
      const pushed = await docker('push', `${name}:1`);
      assert.equal(pushed.code, 0, pushed.stderr);
      const digest = /1: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(pushed.stdout)?.[1] ?? '';
      assert.notEqual(digest, '', pushed.stdout);
      assert.match((await docker('push', `${name}:1`)).stdout, /Layer already exists/);
      await wharf('tag', 'busybox', `${name}:2`);
      assert.equal((await wharf('push', `${name}:2`)).code, 0);
      await docker('rmi', 'busybox', `${name}:1`, `${name}:2`);
      const pulled = await wharf('pull', `${name}:1`);
      assert.match(pulled.stdout, new RegExp(`Digest: ${digest}\nStatus: Downloaded newer image for ${name}:1`));
      assert.match((await docker('pull', `${name}:1`)).stdout, /Image is up to date/);
      assert.equal((await docker('run', '--rm', `${name}@${digest}`, 'echo', 'pulled')).stdout, 'pulled\n');
      const all = await docker('pull', '-a', name);
      assert.equal(all.code, 0, all.stderr);
      assert.match((await docker('images', name)).stdout, /\s2\s/);
    });
  });
});
