import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';

const PROJECT = `
services:
  web:
    image: busybox
    init: true
    command: sh -c 'echo web is up; exec httpd -f -p 80 -h /www'
    ports: ["127.0.0.1:18475:80"]
    volumes: ["./site:/www:ro", "data:/data"]
    environment: {WHO: web}
    depends_on: {db: {condition: service_healthy}}
    networks: {front: {aliases: [shop]}, back: {}}
  db:
    image: busybox
    init: true
    command: sh -c 'echo db is up; sleep 1000'
    healthcheck: {test: "true", interval: 200ms, timeout: 1s}
    networks: [back]
    stop_grace_period: 2s
volumes: {data: {}}
networks: {front: {}, back: {internal: true}}
`;

test('docker compose 2.40 against Wharf', { timeout: 180_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const cwd = join(daemon.directory, 'shop');
    mkdirSync(join(cwd, 'site'), { recursive: true });
    writeFileSync(join(cwd, 'compose.yaml'), PROJECT);
    writeFileSync(join(cwd, 'site/index.html'), 'hello from web\n');
    const env = withPlugins(daemon);
    const of =
      (command: string, before: readonly string[]) =>
      async (...args: readonly string[]) => {
        const done = await run(command, [...before, ...args], { cwd, env, timeoutMs: 60_000 });
        assert.equal(done.code, 0, `${command} ${args.join(' ')}: ${done.stderr}`);
        return done;
      };
    const compose = of('docker', ['compose', '--ansi=never', '--progress=plain']);
    const ours = of(wharfPath, ['compose']);
    const ids = async (): Promise<string> => (await compose('ps', '-q', '--no-trunc')).stdout;

    await t.test('up waits for health; ps, logs, exec, top, port, images, run, cp', async () => {
      await compose('up', '-d');
      const rows = (await compose('ps', '--format', '{{.Service}} {{.State}} {{.Health}}')).stdout.trim().split('\n');
      assert.deepEqual(rows.sort(), ['db running healthy', 'web running']);
      assert.equal((await compose('logs', '--no-color', '--no-log-prefix', 'web')).stdout, 'web is up\n');
      assert.equal((await compose('exec', '-T', 'web', 'sh', '-c', 'echo $WHO')).stdout, 'web\n');
      assert.match((await compose('top', 'db')).stdout, /sleep 1000/);
      assert.equal((await compose('port', 'web', '80')).stdout, '127.0.0.1:18475\n');
      assert.match((await compose('images')).stdout, /busybox/);
      assert.equal(await (await fetch('http://127.0.0.1:18475/')).text(), 'hello from web\n');
      assert.equal((await compose('run', '--rm', '-T', 'db', 'echo', 'once')).stdout, 'once\n');
      await compose('cp', 'web:/www/index.html', 'copied');
      assert.match((await compose('ls')).stdout, /shop\s+running\(2\)/);
      assert.match((await compose('stats', '--no-stream')).stdout, /shop-web-1/);
    });

    await t.test('a second up, by either program, touches nothing', async () => {
      const before = await ids();
      await compose('up', '-d');
      assert.equal(await ids(), before);
      await ours('up', '-d');
      assert.equal(await ids(), before);
    });

    await t.test('stop, start, restart, pause, scale, kill', async () => {
      await compose('pause', 'web');
      assert.match((await compose('ps', '--format', '{{.State}}', 'web')).stdout, /^paused\n$/);
      await compose('unpause', 'web');
      await compose('restart', '-t', '1', 'web');
      await compose('stop', '-t', '1');
      assert.equal(await ids(), '');
      await compose('start');
      assert.equal((await ids()).trim().split('\n').length, 2);
      await compose('up', '-d', '--scale', 'db=2');
      assert.equal((await ids()).trim().split('\n').length, 3);
      await compose('kill', '-s', 'KILL', 'db');
    });

    await t.test('down removes all, and what wharf compose made too', async () => {
      await compose('down', '-v', '-t', '1');
      assert.equal((await ours('ps', '-a', '-q')).stdout, '');
      assert.equal((await of('docker', [])('volume', 'ls', '-q')).stdout, '');
      await ours('up', '-d');
      const made = await ids();
      assert.equal(made.trim().split('\n').length, 2);
      await compose('up', '-d');
      assert.equal(await ids(), made);
      await compose('down', '-v', '-t', '1');
      assert.equal((await ours('ps', '-a', '-q')).stdout, '');
    });
  });
});
