import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { folder } from '../e2e/support/folder.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';
import { startAgent } from './support/ssh-agent.ts';

test('RUN --mount=type=ssh: ssh-add in the step finds the keys of a real agent', { timeout: 120_000 }, async (t) => {
  await using agent = await startAgent();
  await using other = await startAgent();
  using files = folder({
    Dockerfile: [
      'FROM busybox',
      'COPY root /',
      'RUN --mount=type=ssh ssh-add -l',
      'RUN --mount=type=ssh,id=other,target=/agent SSH_AUTH_SOCK=/agent ssh-add -l',
      'RUN test -z "$SSH_AUTH_SOCK" && ! ls /run/buildkit/* /agent 2>&1',
    ].join('\n'),
  });
  // This machine's own, with what it is linked to.
  const program = '/usr/bin/ssh-add';
  const libraries = execFileSync('/usr/bin/ldd', [program], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const file of [program, ...libraries]) {
    mkdirSync(dirname(files.at(`root${file}`)), { recursive: true });
    copyFileSync(file, files.at(`root${file}`));
  }
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const env = { ...withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' }), SSH_AUTH_SOCK: agent.socket };
    for (const [by, client] of [
      ['wharf build', wharfPath],
      ['docker build', 'docker'],
    ] as const) {
      await t.test(by, async () => {
        const args = ['build', '--no-cache', '--ssh', 'default', '--ssh', `other=${other.socket}`, '-t', 'keys', '.'];
        const { code, stderr } = await run(client, args, { env, cwd: files.path });
        assert.equal(code, 0, stderr);
        const keys = [...stderr.matchAll(/256 (SHA256:\S+) of-the-test \(ED25519\)/g)].map(([, key]) => key);
        assert.deepEqual(keys, [agent.fingerprint, other.fingerprint]);
        const look = 'test ! -e /agent && test ! -e /run/buildkit && echo clean';
        assert.equal((await run(client, ['run', '--rm', 'keys', 'sh', '-c', look], { env })).stdout, 'clean\n');
        const without = await run(client, ['build', '--no-cache', '.'], { env, cwd: files.path });
        assert.notEqual(without.code, 0);
      });
    }
  });
});
