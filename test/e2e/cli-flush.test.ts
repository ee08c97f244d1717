import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

test('a reader that is slow gets all output all the same', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const lines = 20_000;
    const made = await run(wharfPath, ['run', '--name', 'talker', 'busybox', 'seq', String(lines)], {
      env: daemon.env,
    });
    assert.equal(made.code, 0, made.stderr);
    const child = spawn(wharfPath, ['logs', 'talker'], { env: daemon.env, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    // Nobody reads until the program has had every chance to end too early.
    await Promise.race([once(child, 'exit'), wait(1500)]);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await ended;
    assert.equal(text.split('\n').length - 1, lines);
  });
});
