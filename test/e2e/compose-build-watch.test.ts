import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

const PROJECT = `
name: seen
services:
  a:
    build:
      dockerfile_inline: |
        FROM busybox
        COPY src /app
        RUN --mount=type=secret,id=token cat /run/secrets/token > /token
        COPY --from=extra file /extra
        CMD sleep 1000
      secrets: [token]
      additional_contexts: {extra: ./more}
    stop_signal: KILL
    develop:
      watch:
        - {path: ./src, action: sync, target: /app, ignore: ["*.log"]}
        - {path: ./stamp, action: rebuild}
  b:
    build:
      dockerfile_inline: |
        FROM busybox
        COPY --from=a /app /from-a
        CMD sleep 1000
      additional_contexts: {a: "service:a"}
    stop_signal: KILL
secrets: {token: {environment: TOKEN}}
`;

test(
  'services build from secrets, other folders and each other; watch carries changes into them',
  { timeout: 180_000 },
  () =>
    withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const cwd = join(daemon.directory, 'seen');
      const file = (path: string, text: string): void => {
        mkdirSync(join(cwd, path, '..'), { recursive: true });
        writeFileSync(join(cwd, path), text);
      };
      file('compose.yaml', PROJECT);
      file('src/old', '1');
      file('more/file', 'extra');
      file('stamp', '1');
      const env = { ...daemon.env, TOKEN: 'tt' };
      const compose = async (...args: string[]): Promise<string> => {
        const done = await run(wharfPath, ['compose', ...args], { cwd, env, timeoutMs: 60_000 });
        assert.equal(done.code, 0, `compose ${args.join(' ')}: ${done.stderr}`);
        return done.stdout;
      };
      const child = spawn(wharfPath, ['compose', 'watch'], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
      const exit = once(child, 'exit');
      const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
      const until = async (pattern: RegExp): Promise<void> => {
        for (let next = await lines.next(); !next.done; next = await lines.next()) if (pattern.test(next.value)) return;
        assert.fail(`watch ended before it said ${pattern}`);
      };
      await until(/Watch enabled/);
      assert.equal(await compose('exec', '-T', 'a', 'cat', '/token', '/extra', '/app/old'), 'ttextra1');
      assert.equal(await compose('exec', '-T', 'b', 'cat', '/from-a/old'), '1');
      file('src/new', '2');
      file('src/not.log', '2');
      rmSync(join(cwd, 'src/old'));
      // On a busy machine one after the other.
      await until(/Syncing service "a" after [12] changes?/);
      // Said before it is done; the next round is begun after it.
      file('stamp', '2');
      await until(/service\(s\) \["a"\] successfully built/);
      await until(/Container seen-a-1 {2}Started/);
      assert.equal(await compose('exec', '-T', 'a', 'ls', '/app'), 'new\nnot.log\n');
      child.kill('SIGINT');
      assert.deepEqual(await exit, [130, null]);
      await compose('down', '-t', '0', '--rmi', 'local');
    }),
);
