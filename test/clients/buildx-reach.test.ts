import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { folder } from '../e2e/support/folder.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';

const LARGE = 3_000_000;
/** What a build copies out of a context with a large file that it has no use for: more than `LARGE` is sent, or far less. */
const CASES: readonly (readonly [what: string, steps: string, all: boolean, shown: string])[] = [
  ['one file', 'COPY a /x/', false, 'a'],
  ['a directory and a pattern', 'COPY d *.txt /x/', false, 'in d, t'],
  ['a pattern for directories', 'COPY e*/inner /x/', false, 'inner'],
  ['what a link leads to', 'COPY link/inner /x/', false, 'inner'],
  ['what a mount shows', 'RUN --mount=type=bind,source=d,target=/m mkdir /x && cp /m/file /x/', false, 'in d'],
  ['nothing', 'RUN mkdir /x && echo made > /x/made', false, 'made'],
  ['a file named by a variable', 'ARG F=a\nCOPY $F /x/', true, 'a'],
  ['what a base asks for', 'FROM triggers\nRUN true', true, 'a'],
];

test('docker buildx sends of a context what the Dockerfile reaches', { timeout: 240_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const env = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
    using files = folder({ a: 'a', 'd/file': 'in d', 't.txt': 't', 'e/inner': 'inner', large: 'x'.repeat(LARGE) });
    symlinkSync('e', join(files.path, 'link'));
    const build = async (dockerfile: string, name: string): Promise<string> => {
      // A place of its own for each, as what was sent once is not sent again.
      const place = join(files.path, `dockerfile-${name}`);
      mkdirSync(place);
      writeFileSync(join(place, name), dockerfile);
      const args = ['build', '-t', name, '-f', join(place, name), files.path];
      const done = await run('docker', args, { env, timeoutMs: 60_000 });
      assert.equal(done.code, 0, done.stderr);
      return done.stderr;
    };
    await build('FROM busybox\nONBUILD COPY a /x/\n', 'triggers');
    for (const [i, [what, steps, all, shown]] of CASES.entries()) {
      const name = `reach-${i}`;
      const said = await build(steps.startsWith('FROM') ? steps : `FROM busybox\n${steps}\n`, name);
      assert.equal(/transferring context: [\d.]+MB/.test(said), all, `${what}: ${said}`);
      const cat = [
        'run',
        '--rm',
        name,
        'sh',
        '-c',
        'for f in $(find /x -type f | sort); do cat $f; echo -n ", "; done',
      ];
      const found = await run('docker', cat, { env, timeoutMs: 60_000 });
      assert.equal(found.stdout.replaceAll('\n', '').replace(/, $/, ''), shown, what);
    }
  });
});
