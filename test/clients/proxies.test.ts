import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';

const COMPOSE = `
services:
  plain: {image: busybox, command: "env"}
  own: {image: busybox, command: "env", environment: {HTTP_PROXY: mine, no_proxy: ""}}
`;
const SETTINGS = { httpProxy: 'http://p:1', httpsProxy: 'http://p:2', noProxy: 'x,y', ftpProxy: 'f', allProxy: 'a' };

test('proxies of ~/.docker/config.json reach containers as docker and docker compose bring them there', {
  timeout: 180_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const env = withPlugins(daemon);
    const file = join(String(env['DOCKER_CONFIG']), 'config.json');
    const proxies = { default: { httpProxy: 'no' }, [daemon.host]: SETTINGS };
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), proxies }));
    const cwd = join(daemon.directory, 'project');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'compose.yaml'), COMPOSE);
    const said = async (program: string, ...args: string[]) => {
      const outcome = await run(program, args, { env, cwd });
      assert.equal(outcome.code, 0, outcome.stderr);
      return (
        outcome.stdout
          .split('\n')
          .filter((line) => /proxy/i.test(line))
          // How wide the names are is docker compose's matter: it grows with each container that it meets.
          .map((line) => line.replace(/ +\|/, ' |'))
          .toSorted()
      );
    };
    const upWith = async (program: string) => {
      const lines = await said(program, 'compose', 'up', '--no-color');
      await run(program, ['compose', 'down', '-t', '0'], { env, cwd });
      return lines;
    };
    const theirs = await upWith('docker');
    assert.equal(theirs.length, 20);
    assert.deepEqual(await upWith(wharfPath), theirs);
    const line = ['run', '--rm', '-e', 'HTTP_PROXY=mine', 'busybox', 'env'];
    assert.deepEqual(await said(wharfPath, ...line), await said('docker', ...line));
    // A build sees them too, and its image does not have them.
    writeFileSync(join(cwd, 'Dockerfile'), 'FROM busybox\nRUN env > /seen\n');
    writeFileSync(
      join(cwd, 'compose.yaml'),
      'services:\n  made: {build: {context: ., args: {no_proxy: own}}, command: cat /seen}\n',
    );
    const built = await said(
      wharfPath,
      'compose',
      'run',
      '--rm',
      '--build',
      '-e',
      'NO_PROXY=z',
      'made',
      'cat',
      '/seen',
    );
    assert.deepEqual(
      built.filter((text) => text.startsWith('no_proxy') || text.startsWith('HTTP_')),
      ['HTTP_PROXY=http://p:1', 'no_proxy=own'],
    );
    const inside = await run(wharfPath, ['image', 'inspect', '-f', '{{.Config.Env}}', 'project-made'], { env });
    assert.doesNotMatch(inside.stdout, /proxy/i);
  });
});
