import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

/** A context directory that goes with the test. */
function context(files: Readonly<Record<string, string>>): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'wharf-context-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test('docker build, the classic builder', { timeout: 180_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const docker = (cwd: string, ...args: string[]) => run('docker', args, { env: daemon.env, cwd });

    await t.test('builds, tags, and takes unchanged steps from the cache', async () => {
      using files = context({
        Dockerfile: 'FROM busybox\nCOPY . /app\nRUN ls /app\nCMD ["cat", "/app/page"]\n',
        page: 'hello\n',
        '.dockerignore': 'secret\n',
        secret: 'x',
      });
      const first = await docker(files.path, 'build', '-t', 'app:1', '.');
      assert.equal(first.code, 0, first.stderr);
      assert.match(first.stdout, /Step 3\/4 : RUN ls \/app\n ---> Running in [0-9a-f]{12}\n/);
      assert.doesNotMatch(first.stdout, /secret/);
      assert.match(first.stdout, /Successfully built [0-9a-f]{12}\nSuccessfully tagged app:1\n$/);
      const second = await docker(files.path, 'build', '-t', 'app:1', '.');
      assert.equal(second.stdout.split(' ---> Using cache').length - 1, 3);
      const ran = await docker(files.path, 'run', '--rm', 'app:1');
      assert.deepEqual([ran.code, ran.stdout], [0, 'hello\n']);
    });

    await t.test('-f, --build-arg, --target, --label, -q, --iidfile', async () => {
      using files = context({
        'sub/Other': 'FROM busybox AS a\nARG WHO\nRUN echo "I am $WHO"\nFROM busybox\nRUN false\n',
      });
      const args = ['-f', 'sub/Other', '--build-arg', 'WHO=me', '--target', 'a', '--label', 'x=y', '-t', 'other', '.'];
      const loud = await docker(files.path, 'build', ...args);
      assert.equal(loud.code, 0, loud.stderr);
      assert.match(loud.stdout, /I am me\n/);
      const quiet = await docker(files.path, 'build', '-q', ...args);
      assert.match(quiet.stdout, /^sha256:[0-9a-f]{64}\n$/);
      const label = await docker(files.path, 'inspect', '--format', '{{.Config.Labels.x}} {{.Id}}', 'other');
      assert.equal(label.stdout, `y ${quiet.stdout}`);
    });

    await t.test('a failing command: its exit code is the exit code', async () => {
      using files = context({ Dockerfile: 'FROM busybox\nRUN exit 42\n' });
      const failed = await docker(files.path, 'build', '.');
      assert.equal(failed.code, 42);
      assert.match(failed.stderr, /The command '\/bin\/sh -c exit 42' returned a non-zero code: 42\n$/);
      assert.match(failed.stdout, /Dockerfile:2 \| >>> RUN exit 42\n/);
    });

    await t.test('a wrong Dockerfile: one line, with the line number', async () => {
      using files = context({ Dockerfile: 'FROM busybox\n\nRUNN x\n' });
      const failed = await docker(files.path, 'build', '.');
      assert.equal(failed.code, 1);
      const message = 'dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)';
      assert.ok(failed.stderr.includes(`${message}`), failed.stderr);
    });

    await t.test('a Dockerfile from standard input', async () => {
      const options = { env: daemon.env, input: 'FROM busybox\nRUN echo from-stdin\n' };
      const built = await run('docker', ['build', '-'], options);
      assert.equal(built.code, 0, built.stderr);
      assert.match(built.stdout, /from-stdin\n/);
    });
  });
});
