import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytesOf, leftovers, monitorsOf, RuntimeBench, until } from './runtime-support.ts';

/** Kills the bench's monitor and resolves when another has taken over. */
async function killMonitor(bench: RuntimeBench): Promise<void> {
  const [monitor = 0] = monitorsOf(bench.directory);
  process.kill(monitor, 'SIGKILL');
  while (monitorsOf(bench.directory).includes(monitor)) await new Promise((resolve) => setImmediate(resolve));
  await bench.runtime.alive();
}

const all = { stdin: false, stdout: true, stderr: true } as const;

test('kill -9 of the monitor: a terminal goes on', { timeout: 60_000 }, async () => {
  let directory = '';
  {
    await using bench = await RuntimeBench.open();
    directory = bench.directory;
    const script = 'echo before; read x; echo "got $x"; stty size; exit 6';
    const request = await bench.start(['sh', '-c', script], {
      tty: true,
      openStdin: true,
      consoleSize: { rows: 33, columns: 99 },
    });
    const follow = bench.log(request, { follow: true });
    await until(follow, 'before');
    follow.destroy();
    await killMonitor(bench);
    const stdio = await bench.runtime.attach(request.id, { ...all, stdin: true, tty: true });
    const output = bytesOf(stdio);
    stdio.write('hello\n');
    assert.equal((await bench.exited(request.id)).code, 6);
    assert.match((await output).toString(), /got hello\r\n33 99\r\n$/);
  }
  assert.deepEqual(leftovers(directory), []);
});

test('kill -9 of the monitor: stdin does not end, an unfinished line is not lost', { timeout: 60_000 }, async () => {
  let directory = '';
  {
    await using bench = await RuntimeBench.open();
    directory = bench.directory;
    const script = 'printf "one "; printf "err " >&2; read x && echo "two $x"; echo ors >&2; exit 7';
    const request = await bench.start(['sh', '-c', script], { openStdin: true });
    const early = await bench.runtime.attach(request.id, { ...all, logs: true, tty: true });
    await until(early, 'err');
    early.destroy();
    await killMonitor(bench);
    const stdio = await bench.runtime.attach(request.id, { ...all, stdin: true, tty: true });
    stdio.resume();
    stdio.write('three\n');
    assert.equal((await bench.exited(request.id)).code, 7);
    const log = async (query: object) => (await bytesOf(bench.log(request, query))).toString();
    assert.equal(await log({ stderr: false }), 'one two three\n');
    assert.equal(await log({ stdout: false }), 'err ors\n');
    await bench.runtime.delete(request.id);
  }
  assert.deepEqual(leftovers(directory), []);
});

test('kill -9 of the monitor: what ends before the next one is there has its code and its last words', {
  timeout: 60_000,
}, async () => {
  let directory = '';
  {
    await using bench = await RuntimeBench.open();
    directory = bench.directory;
    const script = 'echo up; while [ ! -e /tmp/go ]; do :; done; echo last; exit 43';
    const request = await bench.start(['sh', '-c', script]);
    const follow = bench.log(request, { follow: true });
    await until(follow, 'up');
    const [monitor = 0] = monitorsOf(bench.directory);
    process.kill(monitor, 'SIGKILL');
    writeFileSync(join(bench.rootfs, 'tmp/go'), '');
    assert.equal((await bench.exited(request.id)).code, 43);
    assert.equal((await bytesOf(bench.log(request))).toString(), 'up\nlast\n');
  }
  assert.deepEqual(leftovers(directory), []);
});

test('kill -9 of the monitor: an exec goes on, with its exit code', { timeout: 60_000 }, async () => {
  await using bench = await RuntimeBench.open();
  const request = await bench.start(['sleep', '1000']);
  await bench.runtime.exec({
    containerId: request.id,
    execId: 'e1',
    process: { ...request.spec.process, args: ['sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.01; done; exit 21'] },
    openStdin: false,
    detach: true,
  } as Parameters<typeof bench.runtime.exec>[0]);
  await killMonitor(bench);
  writeFileSync(join(bench.rootfs, 'tmp/go'), '');
  assert.equal((await bench.exited(request.id, 'e1')).code, 21);
});

test('a monitor of another version that holds nothing is replaced', { timeout: 60_000 }, async () => {
  await using bench = new RuntimeBench();
  const { execRoot } = bench.options;
  mkdirSync(execRoot, { recursive: true });
  mkdirSync(bench.rootfs, { recursive: true });
  const path = join(execRoot, 'monitor.sock');
  const asked: string[] = [];
  // What the first version of the monitor answers.
  const old = createServer((socket) => {
    socket.setEncoding('utf8').on('data', (text: Buffer | string) => {
      for (const line of String(text).trim().split('\n')) {
        const message = JSON.parse(line) as { kind?: string; id?: number; operation?: { op: string } };
        if (message.kind !== undefined) socket.write('{"ok":true}\n');
        else {
          asked.push(message.operation?.op ?? '');
          old.close();
          rmSync(path, { force: true });
          socket.end(`{"id":${message.id},"result":{"stopped":true}}\n`);
        }
      }
    });
  });
  await new Promise<void>((resolve) => old.listen(path, resolve));
  await bench.connect();
  assert.deepEqual(asked, ['stop']);
  assert.equal(monitorsOf(bench.directory).length, 1);
  assert.ok(existsSync(path));
});

test('daemon and monitor die while a container is made: the next daemon removes what there is of it', {
  timeout: 60_000,
}, async () => {
  let directory = '';
  {
    await using bench = await RuntimeBench.open();
    directory = bench.directory;
    const request = await bench.start(['sleep', '1000']);
    // As if the monitor had never heard that it was made.
    rmSync(join(bench.options.execRoot, 'containers', request.id, 'state.json'));
    await bench.runtime[Symbol.asyncDispose]();
    for (const pid of monitorsOf(bench.directory)) process.kill(pid, 'SIGKILL');
    while (monitorsOf(bench.directory).length > 0) await new Promise((resolve) => setImmediate(resolve));
    await bench.connect();
    assert.deepEqual(await bench.runtime.alive(), []);
    const left = leftovers(directory).filter((line) => line.includes(request.id));
    assert.deepEqual(left, []);
    assert.ok(!existsSync(join(bench.options.execRoot, 'known', `${request.id}.json`)));
  }
  assert.deepEqual(leftovers(directory), []);
});
