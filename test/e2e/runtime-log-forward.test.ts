import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { LogForward } from '../../src/runtime/index.ts';
import { run } from './support/run.ts';
import { monitorsOf, RuntimeBench } from './runtime-support.ts';

let bench: RuntimeBench;
before(async () => {
  bench = await RuntimeBench.open();
});
after(() => bench[Symbol.asyncDispose]());

/** A server of syslog over TCP that keeps the lines it gets. */
class LineServer implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #wake = (): void => undefined;
  port = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
      createInterface({ input: socket }).on('line', (line) => {
        this.lines.push(line.replace(/^.*?\]: /, ''));
        this.#wake();
      });
    });
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async until(isEnough: (lines: readonly string[]) => boolean): Promise<void> {
    while (!isEnough(this.lines)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const forwardTo = (port: number): LogForward => ({
  kind: 'syslog',
  address: { transport: 'tcp', host: '127.0.0.1', port },
  format: 'unix',
  facility: 3,
  tag: 'test',
  hostname: 'here',
  blocking: true,
});

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

test('lines wait in the log while the server is away, and none is lost when the monitor dies meanwhile', {
  timeout: 60_000,
}, async () => {
  const first = new LineServer();
  await first.listen();
  const { port } = first;
  const request = await bench.start(['sh', '-c', 'seq 1 100; read go; seq 101 200; read go; seq 201 300'], {
    openStdin: true,
    log: { forward: forwardTo(port) },
  });
  await first.until((lines) => lines.length === 100);
  assert.deepEqual(first.lines, numbers(1, 100));
  await first.close();

  const stdio = await bench.runtime.attach(request.id, { stdin: true, stdout: true, stderr: true, tty: false });
  stdio.resume();
  stdio.write('\n');
  for await (const line of createInterface({ input: bench.log(request, { follow: true }) })) if (line === '200') break;
  const [monitor] = monitorsOf(bench.directory);
  assert.ok(monitor !== undefined);
  process.kill(monitor, 'SIGKILL');

  await using second = new LineServer();
  await second.listen(port);
  await second.until((lines) => lines.includes('200'));
  const again = await bench.runtime.attach(request.id, { stdin: true, stdout: true, stderr: true, tty: false });
  again.resume();
  again.write('\n');
  await second.until((lines) => lines.includes('300'));
  // What was under way when the first server went may come twice, but in order and without a gap.
  const from = Number(second.lines[0]);
  assert.ok(from <= 101, `begins at ${from}`);
  assert.deepEqual(second.lines, numbers(from, 300));
  await bench.exited(request.id);
});

test('a second start of a container goes on behind the first', { timeout: 60_000 }, async () => {
  await using server = new LineServer();
  await server.listen();
  const log = { path: join(bench.directory, 'twice.log'), forward: forwardTo(server.port) };
  for (const word of ['one', 'two']) await bench.run(['echo', word], { log });
  await server.until((lines) => lines.includes('two'));
  assert.deepEqual(server.lines, ['one', 'two']);
});

test('a server that does not read holds the container up', { timeout: 60_000 }, async () => {
  const stuck = createServer((socket) => void socket.on('error', () => undefined).pause());
  stuck.listen(0, '127.0.0.1');
  await once(stuck, 'listening');
  const request = await bench.start(['sh', '-c', 'yes | head -c 60000000; echo over >&2'], {
    log: { forward: forwardTo((stuck.address() as AddressInfo).port), maxSizeBytes: 100_000_000 },
  });
  const ended = bench.exited(request.id);
  const soon = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1500, 'held up'))]);
  assert.equal(soon, 'held up');
  await bench.runtime.kill(request.id, 9);
  await ended;
  stuck.close();
});

/** A journald of the test's own: in a mount namespace with a /run of its own. */
async function startJournald(): Promise<{ readonly root: string; readonly stop: () => Promise<void> }> {
  const script =
    'mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/journal /run/log/journal; exec /lib/systemd/systemd-journald';
  const child = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'ignore', 'inherit'] });
  const root = `/proc/${child.pid}/root`;
  while (!existsSync(`${root}/run/systemd/journal/socket`)) {
    assert.equal(child.exitCode, null, 'systemd-journald ended');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    root,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

test("systemd's journald gets the lines with their fields", { timeout: 60_000 }, async () => {
  const journald = await startJournald();
  try {
    const forward: LogForward = {
      kind: 'journald',
      socket: `${journald.root}/run/systemd/journal/socket`,
      fields: { CONTAINER_NAME: 'web', CONTAINER_TAG: 'tag', SYSLOG_IDENTIFIER: 'tag', NOTE: 'two\nlines' },
      blocking: true,
    };
    const size = 3000;
    await bench.run(['sh', '-c', `echo grüß; echo oh >&2; seq 1 ${size}; head -c 20000 /dev/zero | tr '\\0' x`], {
      log: { forward },
    });
    const entries = await journalUntil(journald.root, size + 4);
    const said = entries.filter((entry) => entry['NOTE'] === 'two\nlines');
    assert.deepEqual(
      said.map((e) => e['MESSAGE']).filter((m) => /^\d+$/.test(m ?? '')),
      numbers(1, size),
    );
    const oh = said.find((entry) => entry['MESSAGE'] === 'oh');
    assert.equal(oh?.['PRIORITY'], '3');
    assert.equal(oh?.['CONTAINER_NAME'], 'web');
    assert.equal(oh?.['SYSLOG_IDENTIFIER'], 'tag');
    assert.ok(said.some((entry) => entry['MESSAGE'] === 'grüß' && entry['PRIORITY'] === '6'));
    const torn = said.filter((entry) => entry['CONTAINER_PARTIAL_MESSAGE'] === 'true');
    assert.equal(
      torn.map((entry) => entry['MESSAGE']?.length ?? 0).reduce((a, b) => a + b),
      20_000,
    );
  } finally {
    await journald.stop();
  }
});

async function journalUntil(root: string, count: number): Promise<Record<string, string>[]> {
  const directory = `${root}/run/log/journal`;
  for (;;) {
    const { stdout } = await run('journalctl', [
      '--directory',
      directory,
      '--output',
      'json',
      '--all',
      '--quiet',
      '--no-pager',
    ]);
    const entries = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, string>);
    if (entries.filter((e) => e['CONTAINER_NAME'] !== undefined).length >= count) return entries;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
