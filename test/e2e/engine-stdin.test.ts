import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

const READS = 'cat; cat /dev/stdin; chmod 000 /dev/stdin; echo end';

/** Runs without input, as another user, through the runtime that works here. */
async function everyWay(daemon: TestDaemon): Promise<void> {
  const docker = async (...args: string[]) => {
    const done = await run('docker', args, { env: daemon.env });
    assert.match(done.stdout, /end\r?\n$/, `${args.join(' ')}: ${done.stderr}`);
  };
  await docker('run', '--rm', '--user', '12345:54321', 'busybox', 'sh', '-c', READS);
  const tty = ['-t', '--user', '12345', 'busybox', 'echo', 'end'];
  await docker('run', '--rm', ...tty);
  const started = await run('docker', ['run', '-d', 'busybox', 'sleep', '1000'], {
    env: daemon.env,
  });
  assert.equal(started.code, 0, started.stderr);
  await docker('exec', '--user', '12345', started.stdout.trim(), 'sh', '-c', READS);
}

test('the host keeps its /dev/null, whoever a container runs as', { timeout: 120_000 }, () =>
  withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const before = statSync('/dev/null');
    await everyWay(daemon);
    const context = join(daemon.directory, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nUSER 12345\nRUN cat && cat /dev/stdin\n');
    const built = await run(wharfPath, ['build', '-q', context], { env: daemon.env });
    assert.equal(built.code, 0, built.stderr);
    const after = statSync('/dev/null');
    assert.deepEqual([after.uid, after.gid, after.mode, after.ino], [before.uid, before.gid, before.mode, before.ino]);
  }),
);
