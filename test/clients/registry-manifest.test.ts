import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withRegistry } from '../e2e/registry-lab.ts';
import { withReference } from './support/reference-registry.ts';

test('manifest lists: ours and those of the docker CLI are the same, and are pulled by platform', {
  timeout: 120_000,
}, async () => {
  const body = async (host: string): Promise<void> => {
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const envOf = (folder: string) => ({ ...daemon.env, DOCKER_CONFIG: join(daemon.directory, folder) });
      const call = (program: string, args: readonly string[]) =>
        run(program, args, { env: envOf(program === 'docker' ? 'theirs' : 'ours'), timeoutMs: 30_000 });
      const ok = async (program: string, ...args: string[]) => {
        const outcome = await call(program, args);
        assert.equal(outcome.code, 0, `${program} ${args.join(' ')}: ${outcome.stderr}`);
        return outcome.stdout;
      };
      const wharf = (...args: string[]) => ok(wharfPath, ...args);
      for (const [name, text] of [
        ['one', 'here'],
        ['two', 'elsewhere'],
      ] as const) {
        await wharf('run', '--name', 'step', 'busybox', 'sh', '-c', `echo ${text} > /where`);
        await wharf('commit', 'step', `${host}/team/${name}:1`);
        await wharf('rm', 'step');
        await wharf('push', '-q', `${host}/team/${name}:1`);
      }
      const list = `${host}/team/list:1`;
      const digests: string[] = [];
      for (const program of ['docker', wharfPath]) {
        const manifest = (...args: string[]) => ok(program, 'manifest', ...args);
        const made = await manifest('create', '--insecure', list, `${host}/team/one:1`, `${host}/team/two:1`);
        assert.equal(made, `Created manifest list ${list}\n`);
        await manifest('annotate', '--arch', 'arm64', '--variant', 'v8', list, `${host}/team/two:1`);
        const shown = JSON.parse(await manifest('inspect', list)) as { manifests: { platform: object }[] };
        assert.deepEqual(shown.manifests[1]?.platform, { architecture: 'arm64', os: 'linux', variant: 'v8' });
        const pushed = await manifest('push', '--insecure', '--purge', list);
        digests.push(pushed.trim());
        for (const [args, words] of [
          [['push', list], `No such manifest: ${list}`],
          [['rm', list], `No such manifest: ${list}`],
          [['create', '--insecure', `${host}/team/l:2`, list], `${list} is a manifest list`],
          [
            ['annotate', '--arch', 'arm', list, `${host}/a:1`],
            `manifest for image ${host}/a:1 does not exist in ${list}`,
          ],
        ] as const) {
          const refused = await call(program, ['manifest', ...args]);
          assert.equal(refused.code, 1);
          assert.match(
            refused.stderr,
            new RegExp(`^(Error: )?${words.replaceAll('.', '\\.')}\n$`),
            `${program} ${args.join(' ')}`,
          );
        }
      }
      assert.equal(digests[0], digests[1]);
      assert.match(digests[0] ?? '', /\nsha256:[0-9a-f]{64}$/);

      const raw = await ok('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${list}`);
      assert.equal((JSON.parse(raw) as { manifests: object[] }).manifests.length, 2);
      await wharf('rmi', `${host}/team/one:1`, `${host}/team/two:1`);
      await wharf('pull', '-q', list);
      assert.equal(await wharf('run', '--rm', list, 'cat', '/where'), 'here\n');
      await wharf('pull', '-q', '--platform', 'linux/arm64', list);
      assert.equal(await wharf('run', '--rm', list, 'cat', '/where'), 'elsewhere\n');
      // An image that says of itself that it is for another machine is run with a warning, as its programs may not be.
      await wharf('create', '--name', 'step', 'busybox');
      const files = join(daemon.directory, 'files.tar');
      await wharf('export', '-o', files, 'step');
      await wharf('import', '--platform', 'linux/arm64', files, 'foreign:1');
      const foreign = await call(wharfPath, ['run', '--rm', 'foreign:1', 'echo', 'hi']);
      assert.equal(foreign.stdout, 'hi\n');
      assert.match(
        foreign.stderr,
        /platform \(linux\/arm64\) does not match the detected host platform \(linux\/amd64\)/,
      );
      const none = await call(wharfPath, ['pull', '--platform', 'linux/s390x', list]);
      assert.equal(
        none.stderr.trim(),
        'Error response from daemon: no matching manifest for linux/s390x in the manifest list entries',
      );
    });
  };
  await withReference(body);
  await withRegistry((registry) => body(registry.host));
});
