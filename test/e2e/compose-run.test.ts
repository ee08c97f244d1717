import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { type Outcome, run } from './support/run.ts';

test(
  'run: input that ends, environment files, exit codes, and nothing left in the background',
  { timeout: 120_000 },
  () =>
    withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const cwd = join(daemon.directory, 'once');
      mkdirSync(cwd);
      writeFileSync(
        join(cwd, 'compose.yaml'),
        'services:\n  w: {image: busybox, command: "true", environment: {A: file, B: file}}\n',
      );
      writeFileSync(join(cwd, 'run.env'), 'A=env\nC="c d"\n');
      const compose = (args: readonly string[], input?: string | Buffer): Promise<Outcome> =>
        run(wharfPath, ['compose', ...args], {
          cwd,
          env: daemon.env,
          timeoutMs: 30_000,
          ...(input === undefined ? {} : { input }),
        });
      const once = (args: readonly string[], input?: string | Buffer): Promise<Outcome> =>
        compose(['run', '--rm', '-T', ...args], input);

      assert.equal((await once(['w', 'cat'], 'all of it\n')).stdout, 'all of it\n');
      assert.equal((await once(['w', 'wc', '-c'], Buffer.alloc(3_000_000))).stdout, '3000000\n');
      assert.equal((await once(['-i=false', 'w', 'cat'], 'not taken\n')).stdout, '');
      const said = await once(['--env-from-file', 'run.env', '-e', 'B=flag', 'w', 'sh', '-c', 'echo $A $B $C']);
      assert.equal(said.stdout, 'env flag c d\n');
      assert.equal((await once(['w', 'sh', '-c', 'exit 9'])).code, 9);
      assert.equal((await once(['w', 'nosuch'])).code, 1);

      const background = await compose(['run', '-d', '--rm', 'w', 'sleep', '1']);
      assert.match(background.stdout, /^[0-9a-f]{64}\n$/);
      await api(daemon.socket, 'POST', `/containers/${background.stdout.trim()}/wait?condition=removed`);
      assert.deepEqual(await api(daemon.socket, 'GET', '/containers/json?all=1'), []);
      assert.equal((await compose(['down'])).code, 0);
    }),
);
