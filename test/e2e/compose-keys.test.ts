import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

const PROJECT = `
services:
  talk:
    image: busybox
    stop_signal: KILL
    command: sh -c 'echo talking; exec sleep 1000'
`;

/** `up` on a terminal of its own: what it prints, and keys. `script` (util-linux) makes the terminal. */
function onTerminal(daemon: TestDaemon, cwd: string, args: readonly string[]) {
  const command = [wharfPath, 'compose', ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd,
    env: { ...daemon.env, TERM: 'xterm', NO_COLOR: '' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  let output = '';
  let heard = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    heard.resolve();
    heard = Promise.withResolvers<void>();
  });
  return {
    output: () => output,
    press: (keys: string) => child.stdin.write(keys),
    until: async (text: string): Promise<void> => {
      const deadline = Date.now() + 20_000;
      while (!output.includes(text)) {
        await Promise.race([heard.promise, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
        assert.ok(Date.now() < deadline, `no ${text} in ${output}`);
      }
    },
    ended: async (): Promise<number> => ((await exit) as [number])[0],
  };
}

test('keys of an attached up: d leaves, w says what is missing, Ctrl-C stops', { timeout: 120_000 }, () =>
  withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const cwd = join(daemon.directory, 'keys');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'compose.yaml'), PROJECT);
    const states = async (): Promise<string[]> =>
      ((await api(daemon.socket, 'GET', '/containers/json?all=1')) as { State: string }[]).map((c) => c.State);

    const first = onTerminal(daemon, cwd, ['up']);
    await first.until('talking');
    await first.until('Detach');
    first.press('w');
    await first.until('none of the selected services is configured for watch');
    first.press('d');
    assert.equal(await first.ended(), 0);
    assert.deepEqual(await states(), ['running']);

    const second = onTerminal(daemon, cwd, ['up']);
    await second.until('Detach');
    second.press('\x03');
    await second.ended();
    assert.match(second.output(), /Gracefully Stopping\.\.\. press Ctrl\+C again to force/);
    assert.deepEqual(await states(), ['exited']);

    const plain = onTerminal(daemon, cwd, ['up', '--menu=false']);
    await plain.until('talking');
    plain.press('\x03');
    assert.equal(await plain.ended(), 130);
    assert.doesNotMatch(plain.output(), /Detach/);
    assert.deepEqual(await states(), ['exited']);
  }),
);
