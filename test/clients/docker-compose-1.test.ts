import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DOCKER_COMPOSE_1 } from '../../scripts/lib/docker-compose-1.mjs';
import { importBusybox } from '../e2e/support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { api } from '../e2e/support/http.ts';
import { run } from '../e2e/support/run.ts';

const PROJECT = `
version: '3.7'
services:
  web:
    build:
      context: ./web
      args: {WORD: built}
    image: old/web
    ports: ["127.0.0.1:18475:80"]
    links: ["db:database"]
    environment:
      - GREETING=\${GREETING:-hello}
    volumes: ["./site:/www:ro", "data:/data", /scratch]
    stop_signal: SIGKILL
    depends_on: [db]
  db:
    image: busybox
    command: sh -c 'echo db is ready; exec sleep 1000'
    stop_signal: SIGKILL
    networks: {default: {aliases: [store]}}
    healthcheck: {test: "true", interval: 1s}
    deploy: {resources: {limits: {memory: 64M}}}
  once:
    image: busybox
    command: "true"
volumes: {data: }
`;

/** Debian's docker-compose 1.29 in a project folder. */
function composeIn(daemon: TestDaemon) {
  assert.ok(
    existsSync(DOCKER_COMPOSE_1),
    `no docker-compose 1.29 in ${DOCKER_COMPOSE_1}: run node scripts/setup.mjs --for-tests`,
  );
  const cwd = join(daemon.directory, 'learned');
  mkdirSync(join(cwd, 'web'), { recursive: true });
  mkdirSync(join(cwd, 'site'));
  writeFileSync(join(cwd, 'site/index.html'), 'the page\n');
  writeFileSync(join(cwd, 'docker-compose.yml'), PROJECT);
  writeFileSync(
    join(cwd, 'web/Dockerfile'),
    'FROM busybox\nARG WORD\nRUN echo $WORD > /word\nCMD httpd -f -p 80 -h /www\n',
  );
  const env = { ...daemon.env, PYTHONPATH: join(DOCKER_COMPOSE_1, 'lib'), COMPOSE_DOCKER_CLI_BUILD: '0' };
  const good = async (command: string, args: readonly string[], extra: NodeJS.ProcessEnv) => {
    const done = await run(command, args, { cwd, env: { ...env, ...extra }, timeoutMs: 90_000 });
    assert.equal(done.code, 0, `${args.join(' ')}: ${done.stderr}${done.stdout}`);
    return done;
  };
  const program = join(DOCKER_COMPOSE_1, 'bin/docker-compose');
  return {
    old: (args: readonly string[], extra: NodeJS.ProcessEnv = {}) =>
      good('/usr/bin/python3', [program, '--no-ansi', ...args], extra),
    ours: (args: readonly string[]) => good(wharfPath, ['compose', ...args], {}),
  };
}

test('docker-compose 1.29 takes a project through its life', { timeout: 300_000 }, (t) =>
  withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { old, ours } = composeIn(daemon);
    const ids = async () => {
      const list = (await api(daemon.socket, 'GET', '/containers/json?all=1')) as { Id: string; Names: string[] }[];
      return Object.fromEntries(list.map((c) => [c.Names[0] ?? '', c.Id] as const));
    };

    await t.test('up builds, makes network, volume and containers, and starts them', async () => {
      const { stderr } = await old(['up', '-d', 'web']);
      assert.match(stderr, /Creating network "learned_default" with the default driver/);
      assert.match(stderr, /Creating learned_db_1\s+\.\.\. (\r.*)?done/);
      assert.deepEqual(Object.keys(await ids()).sort(), ['/learned_db_1', '/learned_web_1']);
      assert.match((await old(['ps'])).stdout, /learned_web_1 .* Up .*127\.0\.0\.1:18475->80\/tcp/);
    });
    await t.test('a second up leaves all as it is; a changed variable makes one container anew', async () => {
      const before = await ids();
      assert.match((await old(['up', '-d', 'web'])).stderr, /learned_web_1 is up-to-date/);
      assert.deepEqual(await ids(), before);
      await old(['exec', '-T', 'web', 'sh', '-c', 'echo kept > /scratch/f']);
      await old(['up', '-d', 'web'], { GREETING: 'changed' });
      const after = await ids();
      assert.equal(after['/learned_db_1'], before['/learned_db_1']);
      assert.notEqual(after['/learned_web_1'], before['/learned_web_1']);
      const { stdout } = await old(['exec', '-T', 'web', 'sh', '-c', 'cat /scratch/f /word; echo $GREETING']);
      assert.equal(stdout, 'kept\nbuilt\nchanged\n');
    });
    await t.test('links, aliases, logs, ports, processes', async () => {
      const { stdout } = await old([
        'exec',
        '-T',
        'web',
        'sh',
        '-c',
        'for n in db database store; do nslookup $n | grep -v :53; done',
      ]);
      assert.equal(stdout.match(/^Address: /gm)?.length, 3, stdout);
      assert.match((await old(['logs', '--no-color', 'db'])).stdout, /db_1 {4}\| db is ready|db_1 .*\| db is ready/);
      assert.equal((await old(['port', 'web', '80'])).stdout, '127.0.0.1:18475\n');
      assert.match((await old(['top', 'db'])).stdout, /sleep 1000/);
    });
    await t.test('stop, start, restart, pause, kill, scale, run, rm', async () => {
      for (const args of [
        ['stop'],
        ['start'],
        ['restart', 'db'],
        ['pause', 'db'],
        ['unpause', 'db'],
        ['kill', 'db'],
        ['start', 'db'],
      ]) {
        await old(args);
      }
      await old(['up', '-d', '--scale', 'db=3', '--no-recreate', 'db']);
      assert.equal((await old(['ps', '-q', 'db'])).stdout.trim().split('\n').length, 3);
      const { stdout } = await old(['run', '--rm', '-T', '-e', 'A=5', 'once', 'sh', '-c', 'echo $A']);
      assert.equal(stdout, '5\n');
      await old(['up', 'once']);
      await old(['rm', '-f', 'once']);
      assert.match((await old(['images'])).stdout, /old\/web/);
    });
    await t.test('wharf compose knows what it made, and takes it over', async () => {
      assert.deepEqual((await ours(['ps', '--services'])).stdout.trim().split('\n').sort(), ['db', 'web']);
    });
    await t.test('down leaves nothing', async () => {
      await old(['down', '--volumes', '--rmi', 'local']);
      assert.deepEqual(await ids(), {});
      const { Volumes } = (await api(daemon.socket, 'GET', '/volumes')) as { Volumes: { Name: string }[] | null };
      // An anonymous volume that went over to another container counts as a named one, with Docker too.
      assert.deepEqual(
        (Volumes ?? []).filter(({ Name }) => !/^[0-9a-f]{64}$/.test(Name)),
        [],
      );
    });
  }),
);
