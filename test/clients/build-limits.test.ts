import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';

const CGROUPS = '/sys/fs/cgroup';

/** Where a group of this name is, in whichever hierarchies there are. */
function groupsCalled(name: string): string[] {
  return [CGROUPS, ...readdirSync(CGROUPS).map((hierarchy) => join(CGROUPS, hierarchy))]
    .map((place) => join(place, name))
    .filter((path) => existsSync(path));
}

test('limits of RUN: ulimits, the parent group, memory and processors', { timeout: 120_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const context = mkdtempSync(join(tmpdir(), 'wharf-limits-'));
    const plugins = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
    const clients = [
      { name: 'docker with buildx', program: 'docker', env: plugins, classic: false },
      { name: 'classic docker', program: 'docker', env: { ...plugins, DOCKER_BUILDKIT: '0' }, classic: true },
      { name: 'wharf', program: wharfPath, env: { ...plugins, WHARF_HOST: daemon.host }, classic: true },
    ];
    try {
      const look = 'echo files=$(ulimit -n):$(ulimit -Hn) core=$(ulimit -c)';
      writeFileSync(join(context, 'Dockerfile'), `FROM busybox\nRUN ${look}\n`);
      for (const { name, program, env, classic } of clients) {
        await t.test(name, async () => {
          const parent = `wharf-build-parent-${process.pid}`;
          const limits = ['--ulimit', 'nofile=100:200', '--ulimit', 'core=0', '--cgroup-parent', `/${parent}`];
          const more = classic ? ['--memory', '64m', '--cpu-quota', '50000', '--cpu-shares', '512'] : [];
          const built = await run(program, ['build', '--no-cache', ...limits, ...more, '.'], { env, cwd: context });
          const groups = groupsCalled(parent);
          try {
            assert.equal(built.code, 0, built.stderr);
            assert.match(built.stdout + built.stderr, /files=100:200 core=0/);
            assert.ok(groups.length > 0, 'the parent group was made');
          } finally {
            for (const path of groups) rmdirSync(path);
          }
          for (const [flag, wrong, says] of [
            ['--ulimit', 'files=1', /invalid ulimit type: files/],
            ['--cgroup-parent', '../above', /invalid cgroup parent/],
          ] as const) {
            const refused = await run(program, ['build', flag, wrong, '.'], { env, cwd: context });
            assert.notEqual(refused.code, 0);
            assert.match(refused.stderr, says);
          }
        });
      }
      await t.test('what a command may take of the memory is held', async () => {
        const step = 'RUN x=$(head -c 50000000 /dev/zero | tr "\\0" x); echo it-${#x}';
        writeFileSync(join(context, 'Dockerfile'), `FROM busybox\n${step}\n`);
        const env = { ...plugins, WHARF_HOST: daemon.host };
        const build = (...limits: string[]) =>
          run(wharfPath, ['build', '--no-cache', '--progress', 'plain', ...limits, '.'], { env, cwd: context });
        assert.match((await build()).stderr, /it-50000000/);
        const tight = await build('-m', '16m', '--memory-swap', '16m');
        assert.notEqual(tight.code, 0);
        assert.doesNotMatch(tight.stderr, /it-50000000\n/);
      });
    } finally {
      rmSync(context, { recursive: true, force: true });
    }
  });
});
