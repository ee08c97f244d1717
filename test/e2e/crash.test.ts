import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

interface Inspect {
  readonly State: {
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Status: string;
  };
}

/** Counts up for ever; each line carries its number. */
const COUNTER = 'i=0; while true; do i=$((i+1)); echo "line $i"; [ $((i % 50)) = 0 ] && usleep 1000; done';

test('the daemon is killed while containers write: they run on, no line is lost or doubled, exit codes are right', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const docker = (...args: string[]) => run('docker', args, { env: daemon.env });
    const inspect = async (name: string) => (await api(daemon.socket, 'GET', `/containers/${name}/json`)) as Inspect;

    const started = await docker(
      'run',
      '-d',
      '--name',
      'counter',
      '-p',
      '127.0.0.1::80',
      'busybox',
      'sh',
      '-c',
      COUNTER,
    );
    assert.equal(started.code, 0, started.stderr);
    // Ends by itself, with its own code, when somebody writes to its fifo: that will be while no daemon is there.
    const ends = 'mkfifo /tmp/go; echo waiting; read x < /tmp/go; echo "last words"; exit 42';
    assert.equal((await docker('run', '-d', '--name', 'ends', 'busybox', 'sh', '-c', ends)).code, 0);
    assert.equal(
      (
        await docker(
          'run',
          '-d',
          '--name',
          'restarts',
          '--restart',
          'always',
          'busybox',
          'sh',
          '-c',
          'echo up; sleep 1000',
        )
      ).code,
      0,
    );
    const before = {
      counter: await inspect('counter'),
      ends: await inspect('ends'),
      restarts: await inspect('restarts'),
    };
    await waitForLog(docker, 'ends', 'waiting');

    await daemon.crash();
    assert.ok(isAlive(before.counter.State.Pid), 'the counter died with the daemon');
    // Through the container's own root, as nobody is there to exec.
    const go = await run('sh', ['-c', `echo go > /proc/${before.ends.State.Pid}/root/tmp/go`]);
    assert.equal(go.code, 0, go.stderr);
    await run('tail', ['--pid', String(before.ends.State.Pid), '-s', '0.05', '-f', '/dev/null']);

    await daemon.start();
    const after = {
      counter: await inspect('counter'),
      ends: await inspect('ends'),
      restarts: await inspect('restarts'),
    };
    assert.equal(after.counter.State.Pid, before.counter.State.Pid);
    assert.equal(after.counter.State.Status, 'running');
    assert.equal(after.restarts.State.Pid, before.restarts.State.Pid);
    const ended = await docker('wait', 'ends');
    assert.equal(ended.stdout.trim(), '42');
    assert.match((await docker('logs', 'ends')).stdout, /^waiting\nlast words\n$/);

    // What is new must work on what is old: exec into it, then stop it.
    const exec = await docker('exec', 'counter', 'echo', 'still here');
    assert.equal(exec.stdout, 'still here\n', exec.stderr);
    assert.equal((await docker('stop', '-t', '0', 'counter')).code, 0);
    const lines = (await docker('logs', 'counter')).stdout.trimEnd().split('\n');
    assert.ok(lines.length > 100, `only ${lines.length} lines`);
    const wrong = lines.findIndex((line, i) => line !== `line ${i + 1}`);
    assert.equal(wrong, -1, `line ${wrong + 1} is "${lines[wrong]}", before it "${lines[wrong - 1]}"`);
  });
});

test('the daemon is killed and an attached client with it: a new client follows the log without a gap', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const docker = (...args: string[]) => run('docker', args, { env: daemon.env });
    const created = await docker(
      'create',
      '--name',
      'talker',
      'busybox',
      'sh',
      '-c',
      'for i in $(seq 1 20000); do echo $i; done; exit 3',
    );
    assert.equal(created.code, 0, created.stderr);
    const attached = run('docker', ['start', '-a', 'talker'], { env: daemon.env });
    await waitForLog(docker, 'talker', '1');
    await daemon.crash();
    await attached;
    await daemon.start();
    assert.equal((await docker('wait', 'talker')).stdout.trim(), '3');
    const lines = (await docker('logs', '-f', 'talker')).stdout.trimEnd().split('\n');
    assert.deepEqual(
      lines,
      Array.from({ length: 20000 }, (_, i) => String(i + 1)),
    );
  });
});

/** Follows the log until a line is there. */
async function waitForLog(
  docker: (...args: string[]) => Promise<{ readonly stdout: string }>,
  name: string,
  line: string,
): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if ((await docker('logs', name)).stdout.split('\n').includes(line)) return;
  }
  assert.fail(`${name} never said "${line}"`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
