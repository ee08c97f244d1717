import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newId } from '../../src/core/ids.ts';
import { bytesOf, leftovers, makeRootfs, monitorsOf, RuntimeBench, until } from './runtime-support.ts';

const DAEMON = fileURLToPath(new URL('./runtime-daemon.ts', import.meta.url));
const LINES = 200_000;

/** Writes numbered lines until a file appears below its root, then a last one; ends with 5. */
const WRITER = `i=0; while [ ! -e /tmp/stop ]; do echo line $i; i=$((i+1)); done; echo last $i; exit 5`;

/** A process that opens the runtime and starts containers, to be killed. */
async function startDaemon(directory: string) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', DAEMON, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async start(id: string, args: readonly string[]): Promise<void> {
      child.stdin.write(`${JSON.stringify({ id, args })}\n`);
      await lines.next();
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

function numbered(logPath: string): string[] {
  return readFileSync(logPath, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { log: string }).log);
}

function assertComplete(logs: readonly string[]): void {
  const count = logs.length - 1;
  for (let i = 0; i < count; i++) assert.equal(logs[i], `line ${i}\n`);
  assert.equal(logs[count], `last ${count}\n`);
}

test('kill -9 of the daemon: containers go on, no line lost or doubled, exit codes are right', {
  timeout: 120_000,
}, async () => {
  let directory = '';
  {
    await using bench = new RuntimeBench();
    directory = bench.directory;
    makeRootfs(bench.rootfs);
    const daemon = await startDaemon(bench.directory);
    const [writer, ended, burst] = [newId(), newId(), newId()];
    await daemon.start(writer, ['sh', '-c', WRITER]);
    await daemon.start(ended, ['sh', '-c', 'while [ ! -e /tmp/gone ]; do sleep 0.01; done; exit 42']);
    await daemon.start(burst, ['sh', '-c', `seq ${LINES}; exit 9`]);
    const [monitor] = monitorsOf(bench.directory);
    await daemon.kill();
    writeFileSync(join(bench.rootfs, 'tmp/gone'), '');

    await bench.connect();
    assert.deepEqual(monitorsOf(bench.directory), [monitor], 'the same monitor goes on');
    assert.equal((await bench.exited(ended)).code, 42, 'of one that ended meanwhile');
    assert.equal((await bench.exited(burst)).code, 9);
    const path = (id: string) => join(bench.directory, 'bundles', id, 'json.log');
    assert.deepEqual(
      numbered(path(burst)).map(Number),
      Array.from({ length: LINES }, (_, i) => i + 1),
    );
    assert.deepEqual(
      (await bench.runtime.alive()).map((c) => c.containerId),
      [writer],
    );
    const live = await bench.runtime.attach(writer, { stdin: false, stdout: true, stderr: true, tty: true });
    await until(live, 'line ');
    live.destroy();
    writeFileSync(join(bench.rootfs, 'tmp/stop'), '');
    assert.equal((await bench.exited(writer)).code, 5);
    assertComplete(numbered(path(writer)));
    for (const id of [writer, ended, burst]) await bench.runtime.delete(id);
  }
  assert.deepEqual(leftovers(directory), []);
});

test('an exit that nobody acknowledged comes again', { timeout: 60_000 }, async () => {
  await using bench = new RuntimeBench();
  makeRootfs(bench.rootfs);
  const daemon = await startDaemon(bench.directory);
  const id = newId();
  // The runtime process of this test never acknowledges: it has no listener.
  await daemon.start(id, ['sh', '-c', 'exit 4']);
  await daemon.kill();
  await bench.connect();
  assert.equal((await bench.exited(id)).code, 4);
  await bench.runtime.delete(id);
});

test('kill -9 of the monitor: containers go on and are taken up, what they write is kept', {
  timeout: 60_000,
}, async () => {
  let directory = '';
  {
    await using bench = await RuntimeBench.open();
    directory = bench.directory;
    const request = await bench.start([
      'sh',
      '-c',
      `trap '' PIPE; ${WRITER.replace('echo line', 'sleep 0.002; echo line')}`,
    ]);
    const follow = bench.log(request, { follow: true, tty: true });
    await until(follow, 'line 3');
    follow.destroy();
    const [monitor] = monitorsOf(bench.directory);
    process.kill(monitor ?? 0, 'SIGKILL');
    // The runtime notices by itself and starts another; until then operations fail, so ask until it answers.
    let alive: readonly { containerId: string }[] = [];
    while (alive.length === 0) {
      alive = await bench.runtime.alive().catch(() => []);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(
      alive.map((c) => c.containerId),
      [request.id],
    );
    assert.notDeepEqual(monitorsOf(bench.directory), [monitor]);
    const live = await bench.runtime.attach(request.id, { stdin: false, stdout: true, stderr: true, tty: true });
    await until(live, 'line ');
    const rest = bytesOf(live);
    writeFileSync(join(bench.rootfs, 'tmp/stop'), '');
    const { code } = await bench.exited(request.id);
    const [major = 0, minor = 0] = release().split('.').map(Number);
    // From 6.15 on the kernel tells how a process ended to others than its parent as well.
    if (major > 6 || (major === 6 && minor >= 15)) assert.equal(code, 5);
    else assert.ok(code === 5 || code === 255);
    assert.match((await rest).toString(), /last \d+\n$/);
    // What the monitor had read and not yet written at that very instant is gone with it, else all is there, and once.
    const lines = numbered(request.log.path ?? '').map((line) => Number(line.split(' ')[1]));
    const missing = (lines.at(-1) ?? 0) + 1 - lines.length;
    assert.ok(missing <= 2, `${missing} lines lost`);
    assert.deepEqual(
      lines,
      [...new Set(lines)].sort((a, b) => a - b),
    );
  }
  assert.deepEqual(leftovers(directory), []);
});

test('the monitor ends by itself when its exec root is gone', { timeout: 60_000 }, async () => {
  const bench = new RuntimeBench();
  mkdirSync(bench.rootfs, { recursive: true });
  await bench.connect();
  const [monitor = 0] = monitorsOf(bench.directory);
  await bench.runtime[Symbol.asyncDispose]();
  rmSync(bench.directory, { recursive: true });
  while (existsSync(`/proc/${monitor}`) && monitorsOf(bench.directory).includes(monitor)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
