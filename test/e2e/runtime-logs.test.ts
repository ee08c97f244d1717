import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { bytesOf, RuntimeBench, split, until } from './runtime-support.ts';

let bench: RuntimeBench;
before(async () => {
  bench = await RuntimeBench.open();
});
after(() => bench[Symbol.asyncDispose]());

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}\n`).join('');

test('tail, streams, times', async () => {
  const { request } = await bench.run([
    'sh',
    '-c',
    'seq 1 5; usleep 20000; echo e1 >&2; usleep 20000; seq 6 7; usleep 20000; echo e2 >&2',
  ]);
  const read = async (query: Parameters<RuntimeBench['log']>[1]) =>
    (await bytesOf(bench.log(request, query))).toString();
  assert.equal(await read({}), '1\n2\n3\n4\n5\ne1\n6\n7\ne2\n');
  assert.equal(await read({ stderr: false }), numbers(1, 7));
  assert.equal(await read({ stdout: false }), 'e1\ne2\n');
  assert.equal(await read({ tail: 3 }), '6\n7\ne2\n');
  assert.equal(await read({ tail: 0 }), '');
  assert.equal(await read({ tail: 1000 }), '1\n2\n3\n4\n5\ne1\n6\n7\ne2\n');
  assert.equal(await read({ tail: 3, stderr: false }), '6\n7\n');
  const stamped = (await read({ timestamps: true })).trim().split('\n');
  for (const line of stamped) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \S+$/);
  const nanos = (line: string): bigint => {
    const [time = ''] = line.split(' ');
    return BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(time.slice(20, 29));
  };
  const e1 = nanos(stamped[5] ?? '');
  assert.equal(await read({ sinceNanos: e1 }), 'e1\n6\n7\ne2\n');
  assert.equal(await read({ untilNanos: e1 }), '1\n2\n3\n4\n5\ne1\n');
  assert.equal(await read({ sinceNanos: e1 + 1n, untilNanos: nanos(stamped[7] ?? '') }), '6\n7\n');
  const frames = split(await bytesOf(bench.log(request, { tty: false })), false);
  assert.deepEqual(frames, { stdout: numbers(1, 7), stderr: 'e1\ne2\n' });
});

test('rotation by size and count; tail goes over the files', async () => {
  const { request } = await bench.run(['seq', '1', '3000'], { log: { maxSizeBytes: 20_000, maxFiles: 3 } });
  const path = request.log.path ?? '';
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith('json.log'));
  assert.deepEqual(names.sort(), ['json.log', 'json.log.1', 'json.log.2']);
  for (const name of names) assert.ok(statSync(join(dirname(path), name)).size < 20_200);
  const all = (await bytesOf(bench.log(request))).toString();
  assert.ok(all.endsWith(numbers(2600, 3000)), 'the newest are kept');
  const [first = ''] = all.split('\n');
  assert.equal(all, numbers(Number(first), 3000), 'without a gap');
  for (const tail of [1, 10, 250, 500]) {
    assert.equal((await bytesOf(bench.log(request, { tail }))).toString(), numbers(3001 - tail, 3000), `tail ${tail}`);
  }
});

test('a single file is begun anew when it is full', async () => {
  const { request } = await bench.run(['seq', '1', '3000'], { log: { maxSizeBytes: 20_000, maxFiles: 1 } });
  assert.ok(!existsSync(`${request.log.path}.1`));
  assert.ok((await bytesOf(bench.log(request))).toString().endsWith('3000\n'));
});

test('following gets each line once, through rotations, and ends with the container', async () => {
  const script =
    'i=1; while [ $i -le 2000 ]; do echo $i; i=$((i+1)); [ $((i % 100)) = 0 ] && usleep 3000; done; exit 0';
  const request = await bench.start(['sh', '-c', `read x; ${script}`], {
    openStdin: true,
    log: { maxSizeBytes: 10_000, maxFiles: 5 },
  });
  const followed = bytesOf(bench.log(request, { follow: true }));
  const stdio = await bench.runtime.attach(request.id, { stdin: true, stdout: true, stderr: true, tty: true });
  const attached = bytesOf(stdio);
  stdio.write('go\n');
  assert.equal((await bench.exited(request.id)).code, 0);
  assert.equal((await attached).toString(), numbers(1, 2000));
  assert.equal((await followed).toString(), numbers(1, 2000));
});

test('following what has ended gives what there is', async () => {
  const { request } = await bench.run(['echo', 'over']);
  assert.equal((await bytesOf(bench.log(request, { follow: true }))).toString(), 'over\n');
});

test('following until a time ends then, though the container goes on', async () => {
  const request = await bench.start(['sh', '-c', 'echo a; sleep 1000']);
  const untilNanos = BigInt(Date.now() + 300) * 1_000_000n;
  assert.equal((await bytesOf(bench.log(request, { follow: true, untilNanos }))).toString(), 'a\n');
  await bench.runtime.kill(request.id, 9);
  await bench.exited(request.id);
});

test('an abandoned follower leaves nothing open', async () => {
  const request = await bench.start(['sh', '-c', 'echo a; sleep 1000']);
  const controller = new AbortController();
  const query = { stdout: true, stderr: true, follow: true, timestamps: false, tty: true };
  const stream = bench.runtime.readLogs(request.id, request.log.path ?? '', query, controller.signal);
  await until(stream, 'a\n');
  const closed = new Promise((resolve) => stream.once('close', resolve));
  controller.abort();
  await closed;
  const other = bench.log(request, { follow: true });
  await until(other, 'a\n');
  const gone = new Promise((resolve) => other.once('close', resolve));
  other.destroy();
  await gone;
  await bench.runtime.kill(request.id, 9);
  await bench.exited(request.id);
});

test('attaching with the log first: nothing missing, nothing twice', async () => {
  const request = await bench.start([
    'sh',
    '-c',
    'i=1; while [ $i -le 20000 ]; do echo $i; [ $i = 5000 ] && usleep 5000; i=$((i+1)); done; while [ ! -e /tmp/enough ]; do usleep 1000; done',
  ]);
  const readers = [];
  for (let n = 0; n < 4; n++) {
    const stdio = await bench.runtime.attach(request.id, {
      stdin: false,
      stdout: true,
      stderr: true,
      logs: true,
      stream: true,
      tty: true,
    });
    readers.push(bytesOf(stdio));
  }
  writeFileSync(join(bench.rootfs, 'tmp/enough'), '');
  await bench.exited(request.id);
  for (const reader of readers) assert.equal((await reader).toString(), numbers(1, 20_000));
});

test('a flood of lines loses none, while a client is attached', { timeout: 120_000 }, async () => {
  const line = 'x'.repeat(92);
  const { request, code } = await bench.run(['sh', '-c', `yes ${line} | head -n 300000 | cat -n`]);
  assert.equal(code, 0);
  const text = readFileSync(request.log.path ?? '', 'latin1');
  assert.equal(text.split('\n').length - 1, 300_000);
});

test('no log: nothing is written', async () => {
  const { request, stdout } = await bench.run(['echo', 'x'], { log: { path: null } });
  assert.equal(stdout, 'x\n');
  assert.ok(!existsSync(join(request.bundleDir, 'json.log')));
});
