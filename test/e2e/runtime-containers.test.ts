import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { buildExecProcess, startFailureOf } from '../../src/runtime/index.ts';
import { bytesOf, leftovers, monitorsOf, RuntimeBench, split, until } from './runtime-support.ts';

let bench: RuntimeBench;
before(async () => {
  bench = await RuntimeBench.open();
});
after(async () => {
  await bench[Symbol.asyncDispose]();
  assert.deepEqual(leftovers(bench.directory), []);
});

test('output, exit code and log of a container that lives a moment', async () => {
  const ran = await bench.run(['sh', '-c', 'echo out; echo err >&2; printf rest; exit 3']);
  assert.deepEqual([ran.stdout, ran.stderr, ran.code, ran.oomKilled], ['out\nrest', 'err\n', 3, false]);
  assert.match(ran.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  const log = readFileSync(ran.request.log.path ?? '', 'utf8')
    .trim()
    .split('\n');
  const logged = log.map((line) => JSON.parse(line) as { log: string; stream: string });
  assert.deepEqual(logged.map(({ log: text, stream }) => `${stream}:${text}`).sort(), [
    'stderr:err\n',
    'stdout:out\n',
    'stdout:rest',
  ]);
});

test('a signal counts as 128 and its number', async () => {
  assert.equal((await bench.run(['sh', '-c', 'kill -TERM $$; sleep 9'])).code, 0, 'PID 1 is immune to its own signals');
  const { id } = await bench.start(['sleep', '1000']);
  await bench.runtime.kill(id, 9);
  assert.equal((await bench.exited(id)).code, 137);
  await bench.runtime.kill(id, 9); // of no consequence
  await bench.runtime.delete(id);
  await bench.runtime.delete(id);
});

for (const [name, args, code, message] of [
  ['a program that is not there', ['nope'], 127, 'exec: "nope": executable file not found in $PATH'],
  ['a path that is not there', ['/x/nope'], 127, 'exec: "/x/nope": stat /x/nope: no such file or directory'],
  ['a file that is no program', ['/etc/passwd'], 126, 'exec: "/etc/passwd": permission denied'],
  ['a directory', ['/etc'], 126, 'permission denied'],
] as const) {
  test(`${name} fails as Docker says it, and leaves nothing`, async () => {
    const request = bench.request(args);
    const waiting = await bench.runtime.attach(request.id, { stdin: false, stdout: true, stderr: true, tty: false });
    await assert.rejects(bench.runtime.create(request), (e: Error) => {
      assert.ok(e.message.startsWith('failed to create task for container: failed to create shim task: OCI runtime'));
      assert.ok(e.message.includes(message), e.message);
      assert.equal(startFailureOf(e), code);
      return true;
    });
    await bench.runtime.abandon(request.id);
    assert.equal((await bytesOf(waiting)).length, 0);
    assert.ok(!(await bench.runtime.alive()).some((c) => c.containerId === request.id));
    assert.ok(!existsSync(`${bench.options.execRoot}/containers/${request.id}`));
  });
}

test('stdin ends when the client sends no more', async () => {
  const ran = await bench.run(['sh', '-c', 'cat; echo end'], { stdin: `${'line\n'.repeat(100_000)}` });
  assert.equal(ran.stdout, `${'line\n'.repeat(100_000)}end\n`);
});

test('a process that reads no stdin does not hold up a client that sends', async () => {
  const ran = await bench.run(['sh', '-c', 'exec <&-; echo gone'], { stdin: 'x'.repeat(5_000_000) });
  assert.equal(ran.stdout, 'gone\n');
});

test('a second client sees what comes, and one that has gone does no harm', async () => {
  const { id } = await bench.start(['sh', '-c', 'read x; echo got $x; read y; echo got $y'], { openStdin: true });
  const options = { stdin: true, stdout: true, stderr: true, tty: true } as const;
  const first = await bench.runtime.attach(id, { ...options, stdin: false });
  const second = await bench.runtime.attach(id, options);
  second.write('one\n');
  await until(first, 'got one');
  first.destroy();
  const rest = until(second, 'got two');
  second.write('two\n');
  await rest;
  assert.equal((await bench.exited(id)).code, 0);
});

test('a terminal: its size, resizing, what is typed', async () => {
  const request = bench.request(['sh', '-c', 'stty size; read x; stty size; echo "[$x]"'], {
    tty: true,
    openStdin: true,
    consoleSize: { rows: 30, columns: 99 },
  });
  const stdio = await bench.runtime.attach(request.id, { stdin: true, stdout: true, stderr: true, tty: true });
  await bench.runtime.create(request);
  const first = until(stdio, '30 99');
  await bench.runtime.start(request.id);
  await first;
  await bench.runtime.resize(request.id, undefined, { rows: 11, columns: 22 });
  const output = bytesOf(stdio);
  stdio.write('hello\n');
  assert.equal((await bench.exited(request.id)).code, 0);
  const text = (await output).toString();
  assert.ok(text.includes('11 22') && text.includes('[hello]'), text);
});

test('execs: output, exit codes, stdin, terminal, and a program that is not there', async () => {
  const { id, spec } = await bench.start(['sleep', '1000'], { spec: { env: ['PATH=/bin', 'A=1'] } });
  let count = 0;
  const exec = async (args: string[], more: { tty?: boolean; stdin?: string } = {}) => {
    const execId = `exec${++count}`;
    const tty = more.tty ?? false;
    const process = buildExecProcess(spec, {
      args,
      env: ['PATH=/bin', 'B=2'],
      cwd: '/etc',
      user: undefined,
      tty,
      privileged: false,
    });
    const openStdin = more.stdin !== undefined;
    const options = { execId, stdin: openStdin, stdout: true, stderr: true, tty };
    const stdio = await bench.runtime.attach(id, options);
    const output = bytesOf(stdio);
    if (more.stdin !== undefined) stdio.end(more.stdin);
    try {
      await bench.runtime.exec({ containerId: id, execId, process, openStdin, detach: false });
    } catch (e) {
      await bench.runtime.abandon(id, execId);
      await output;
      throw e;
    }
    const { code } = await bench.exited(id, execId);
    return { code, ...split(await output, tty) };
  };
  assert.deepEqual(await exec(['sh', '-c', 'pwd; echo $A$B; echo e >&2; exit 7']), {
    code: 7,
    stdout: '/etc\n2\n',
    stderr: 'e\n',
  });
  assert.equal((await exec(['cat'], { stdin: 'in\n' })).stdout, 'in\n');
  assert.match((await exec(['tty'], { tty: true })).stdout, /\/dev\/pts/);
  assert.equal((await exec(['sh', '-c', 'kill -9 $$'])).code, 137);
  await assert.rejects(exec(['nope']), (e: Error) => {
    assert.match(
      e.message,
      /^OCI runtime exec failed: exec failed: .*exec: "nope": executable file not found in \$PATH/,
    );
    return startFailureOf(e) === 127;
  });
  assert.deepEqual(
    await Promise.all([1, 2, 3].map(async (n) => (await exec(['sh', '-c', `exit ${n}`])).code)),
    [1, 2, 3],
  );
  await bench.runtime.kill(id, 9);
  await bench.exited(id);
});

test('an exec ends with its container', async () => {
  const { id, spec } = await bench.start(['sleep', '1000']);
  const process = buildExecProcess(spec, {
    args: ['sleep', '1000'],
    env: ['PATH=/bin'],
    cwd: undefined,
    user: undefined,
    tty: false,
    privileged: false,
  });
  await bench.runtime.exec({ containerId: id, execId: 'e', process, openStdin: false, detach: true });
  await bench.runtime.kill(id, 9);
  assert.equal((await bench.exited(id, 'e')).code, 137);
  assert.equal((await bench.exited(id)).code, 137);
});

test('the kernel killed it for want of memory: 137, and said so', async () => {
  const ran = await bench.run(['sh', '-c', 'x=aaaaaaaa; while :; do x=$x$x; done'], {
    spec: { resources: { memoryBytes: 8 * 1024 * 1024, memorySwapBytes: 8 * 1024 * 1024 } },
  });
  assert.deepEqual([ran.code, ran.oomKilled], [137, true]);
});

test('pause, resume, update, processes and usage', async () => {
  const { id } = await bench.start(['sh', '-c', 'sleep 1000 & sleep 1000'], {
    spec: { resources: { memoryBytes: 64 * 1024 * 1024, pidsLimit: 50 } },
  });
  const { runtime } = bench;
  const { pid = 0 } = (await runtime.alive()).find((c) => c.containerId === id) ?? {};
  assert.ok((await runtime.pids(id)).includes(pid));
  await runtime.pause(id);
  await runtime.resume(id);
  const stats = await runtime.stats(id);
  assert.equal(stats.memoryLimitBytes, 64 * 1024 * 1024);
  assert.equal(stats.pidsLimit, 50);
  assert.ok(stats.memoryBytes > 0 && stats.pids >= 1 && stats.cpuTotalNanos > 0);
  await runtime.update(id, { memory: { limit: 32 * 1024 * 1024, swap: 64 * 1024 * 1024 }, pids: { limit: 40 } });
  assert.deepEqual(
    [(await runtime.stats(id)).memoryLimitBytes, (await runtime.stats(id)).pidsLimit],
    [32 * 1024 * 1024, 40],
  );
  await runtime.pause(id);
  await runtime.kill(id, 9);
  assert.equal((await bench.exited(id)).code, 137, 'a paused container can be killed');
});

test('Docker’s posture inside', async () => {
  const script = `
    grep -E '^(CapEff|CapBnd|Seccomp|NoNewPrivs):' /proc/self/status
    cat /proc/sys/net/ipv4/ip_unprivileged_port_start
    echo x > /proc/sys/kernel/hostname 2>/dev/null || echo read-only
    head -c 1 /proc/kcore | wc -c
    mount -t tmpfs none /tmp 2>/dev/null || echo no mount
    id; echo $HOME; hostname; df -k /dev/shm | tail -1 | awk '{print $2}'`;
  const { stdout, request } = await bench.run(['sh', '-c', script]);
  assert.deepEqual(stdout.split('\n'), [
    'CapEff:\t00000000a80425fb',
    'CapBnd:\t00000000a80425fb',
    'NoNewPrivs:\t0',
    'Seccomp:\t2',
    '0',
    'read-only',
    '0',
    'no mount',
    'uid=0(root) gid=0(root) groups=0(root)',
    '/root',
    request.id.slice(0, 12),
    '65536',
    '',
  ]);
});

test('a user that is not root may open /dev/stdout anew', async () => {
  const ran = await bench.run(['sh', '-c', 'id; echo again > /dev/stdout; echo err > /dev/stderr'], {
    spec: { user: { uid: 1000, gid: 1000, additionalGids: [2000], home: '/home/app' } },
  });
  assert.deepEqual(
    [ran.stdout, ran.stderr],
    ['uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)\nagain\n', 'err\n'],
  );
});

test('one monitor for all, out of other users’ reach', () => {
  assert.equal(monitorsOf(bench.directory).length, 1);
  assert.equal(statSync(`${bench.options.execRoot}/containers`).mode & 0o077, 0);
});

test('a container whose process ended before it was started cannot be started, and its end is told', async () => {
  const request = bench.request(['true']);
  const { pid } = await bench.runtime.create(request);
  process.kill(pid, 'SIGKILL');
  assert.equal((await bench.exited(request.id)).code, 137);
  await assert.rejects(bench.runtime.start(request.id));
});

test('one that ends while it waits to be started holds nobody up', async () => {
  const request = bench.request(['true']);
  const { pid } = await bench.runtime.create(request);
  process.kill(pid, 'SIGSTOP');
  const starting = bench.runtime.start(request.id).catch(() => 'refused');
  process.kill(pid, 'SIGKILL');
  await starting;
  assert.equal((await bench.exited(request.id)).code, 137);
});
