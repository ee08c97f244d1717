import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

test('a daemon killed in the middle of a RUN: the next one takes everything away, and builds', {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-context-'));
  try {
    writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nRUN echo first >/f\nRUN echo run""ning; sleep 1000\n');
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const build = spawn('docker', ['build', '.'], {
        cwd: directory,
        env: daemon.env,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(build, 'exit');
      for await (const line of createInterface({ input: build.stdout })) if (line === 'running') break;
      await daemon.crash();
      await ended;
      await daemon.start();
      assert.deepEqual(readdirSync(join(daemon.dataRoot, 'snapshots')), []);
      writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nRUN echo first >/f\nRUN cat /f\n');
      const again = await run('docker', ['build', '.'], { env: daemon.env, cwd: directory });
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stdout, /first\n/);
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
