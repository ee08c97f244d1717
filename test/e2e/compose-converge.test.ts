import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { type EngineUnderTest, testOnEveryEngine } from './support/engines.ts';
import { api } from './support/http.ts';
import { type Outcome, run } from './support/run.ts';

const PROJECT = `
name: steady
services:
  db:
    image: busybox
    stop_signal: KILL
    command: sleep 1000
    environment: {VERSION: "\${VERSION:-1}"}
    volumes: [/kept, "data:/data"]
    secrets: [s]
    networks: [back]
  web:
    image: busybox
    stop_signal: KILL
    command: sleep 1000
    environment: {VERSION: "\${VERSION:-1}"}
    depends_on: [db]
    scale: 2
    networks: [back]
volumes: {data: {}}
networks: {back: {driver_opts: {v: "\${NETWORK:-1}"}}}
secrets: {s: {environment: SECRET}}
`;

interface Container {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
}

async function containers(engine: Pick<EngineUnderTest, 'socket'>): Promise<Map<string, Container>> {
  const list = (await api(engine.socket, 'GET', '/containers/json?all=1')) as Container[];
  return new Map(list.map((c) => [c.Names[0] ?? '', c]));
}

function projectIn(engine: Pick<EngineUnderTest, 'directory' | 'env'>, text: string) {
  const cwd = join(engine.directory, 'steady');
  mkdirSync(cwd, { recursive: true });
  writeFileSync(join(cwd, 'compose.yaml'), text);
  const environment = (extra: NodeJS.ProcessEnv) => ({ ...engine.env, SECRET: 'hush', ...extra });
  return {
    compose: async (args: readonly string[], extra: NodeJS.ProcessEnv = {}): Promise<Outcome> => {
      const done = await run(wharfPath, ['compose', ...args], { cwd, env: environment(extra), timeoutMs: 60_000 });
      assert.equal(done.code, 0, `compose ${args.join(' ')}: ${done.stderr}`);
      return done;
    },
    /** Kills a command as soon as it has said so many lines; false if it came to its end before. */
    killed: async (args: readonly string[], lines: number, extra: NodeJS.ProcessEnv = {}): Promise<boolean> => {
      const child = spawn(wharfPath, ['compose', ...args], {
        cwd,
        env: environment(extra),
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      });
      const exit = once(child, 'exit');
      let count = 0;
      for await (const _line of createInterface({ input: child.stderr })) {
        if (++count < lines) continue;
        // The launcher and what it runs.
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
        break;
      }
      const [, signal] = (await exit) as [number | null, NodeJS.Signals | null];
      return signal === 'SIGKILL';
    },
    /** Freezes the engine as soon as a command has said so many lines, until the command ends. */
    stopped: async (
      args: readonly string[],
      lines: number,
      engine: number,
    ): Promise<{ readonly code: number | null; readonly stderr: string }> => {
      const child = spawn(wharfPath, ['compose', ...args], {
        cwd,
        env: environment({}),
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const exit = once(child, 'exit');
      let stderr = '';
      let count = 0;
      for await (const line of createInterface({ input: child.stderr })) {
        stderr += `${line}\n`;
        if (++count === lines) process.kill(engine, 'SIGSTOP');
      }
      const [code] = (await exit) as [number | null];
      process.kill(engine, 'SIGCONT');
      return { code, stderr };
    },
  };
}

async function assertWhole(
  engine: EngineUnderTest,
  exec: (args: readonly string[]) => Promise<Outcome>,
  version: string,
): Promise<void> {
  const found = await containers(engine);
  assert.deepEqual([...found.keys()].sort(), ['/steady-db-1', '/steady-web-1', '/steady-web-2']);
  for (const { State, Names } of found.values()) assert.equal(State, 'running', Names[0]);
  const said = await exec(['exec', '-T', 'db', 'sh', '-c', 'echo $VERSION; cat /run/secrets/s /kept/mark']);
  assert.equal(said.stdout, `${version}\nhushmark`);
}

testOnEveryEngine('up that is killed anywhere is repaired by the next up', { timeout: 300_000 }, async (engine) => {
  const { compose, killed } = projectIn(engine, PROJECT);
  // From nothing: killed after the first line, the second, and so on.
  for (const lines of [1, 3, 5, 8, 11, 14]) {
    await killed(['up', '-d'], lines, {});
    await compose(['up', '-d']);
    await compose(['exec', '-T', 'db', 'sh', '-c', 'printf mark > /kept/mark']);
    await assertWhole(engine, compose, '1');
    if (lines < 14) await compose(['down', '-v', '-t', '0']);
  }
  // Replacing: the anonymous volume is carried over, whatever happens on the way.
  let version = 1;
  for (const lines of [1, 2, 3, 4, 6, 8, 10]) {
    version++;
    const change = { VERSION: String(version) };
    await killed(['up', '-d'], lines, change);
    await compose(['up', '-d'], change);
    await assertWhole(engine, compose, change.VERSION);
  }
  // A network that changed: taken away under its containers.
  const change = { VERSION: String(version), NETWORK: '2' };
  await killed(['up', '-d'], 2, change);
  await compose(['up', '-d'], change);
  await assertWhole(engine, compose, change.VERSION);
  const before = await containers(engine);
  const again = await compose(['up', '-d'], change);
  assert.doesNotMatch(again.stderr, /Creat|Start|Recreat|Stopp|Remov/);
  assert.deepEqual(
    [...before.values()].map((c) => c.Id).sort(),
    [...(await containers(engine)).values()].map((c) => c.Id).sort(),
  );
  await compose(['down', '-v']);
  assert.equal((await containers(engine)).size, 0);
});

testOnEveryEngine(
  'down that is killed anywhere is finished by the next down, and undone by the next up',
  { timeout: 300_000 },
  async (engine) => {
    const { compose, killed } = projectIn(engine, PROJECT);
    const mark = ['exec', '-T', 'db', 'sh', '-c', 'printf mark > /kept/mark; printf data > /data/mark'];
    for (const lines of [1, 3, 6, 9, 11, 13]) {
      await compose(['up', '-d', '-V']);
      await compose(mark);
      await killed(['down', '-t', '0'], lines);
      await compose(['up', '-d']);
      const found = await containers(engine);
      assert.deepEqual(
        [...found.values()].map((c) => c.State),
        ['running', 'running', 'running'],
        `after ${lines} lines`,
      );
      assert.equal((await compose(['exec', '-T', 'db', 'cat', '/data/mark'])).stdout, 'data');
      await killed(['down', '-t', '0', '-v'], lines);
      await compose(['down', '-t', '0', '-v']);
      assert.equal((await containers(engine)).size, 0);
      const { Volumes } = (await api(engine.socket, 'GET', '/volumes')) as { Volumes: { Name: string }[] | null };
      assert.ok(!(Volumes ?? []).some((v) => v.Name === 'steady_data'), `named volume after ${lines} lines`);
      const networks = (await api(engine.socket, 'GET', '/networks')) as { Name: string }[];
      assert.ok(!networks.some((n) => n.Name.startsWith('steady_')), `networks after ${lines} lines`);
      await api(engine.socket, 'POST', '/volumes/prune');
    }
  },
);

test('an engine that stops answering in the middle of up is told of; the next up finishes', { timeout: 120_000 }, () =>
  withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { compose, stopped } = projectIn(daemon, PROJECT);
    const outcome = await stopped(['up', '-d'], 4, daemon.pid);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /\nthe engine at unix:\S+ stopped answering; [^\n]+\n$/);
    await compose(['up', '-d']);
    assert.equal((await containers(daemon)).size, 3);
    await compose(['down', '-t', '0', '-v']);
  }),
);

testOnEveryEngine(
  'plan tells what up would do and why, and up says why it replaces',
  { timeout: 120_000 },
  async (engine) => {
    const { compose } = projectIn(engine, PROJECT);
    await compose(['up', '-d']);
    assert.match((await compose(['plan'])).stdout, /^Nothing to do/);
    const planned = JSON.parse((await compose(['plan', '--json'], { VERSION: '2' })).stdout) as object[];
    assert.deepEqual(planned[0], {
      action: 'recreate',
      what: 'container steady-db-1',
      because: ['environment.VERSION changed from "1" to "2"'],
    });
    assert.match(
      (await compose(['up', '-d'], { VERSION: '2' })).stderr,
      /because environment.VERSION changed from "1" to "2"/,
    );
    const dry = await compose(['--dry-run', 'down'], { VERSION: '2' });
    assert.match(dry.stderr, /DRY-RUN MODE -  Container steady-db-1  Removed/);
    assert.equal((await containers(engine)).size, 3);
    await compose(['down', '-v']);
  },
);

testOnEveryEngine(
  'hooks, ports that others have, and files that are not there',
  { timeout: 120_000 },
  async (engine) => {
    const { compose } = projectIn(
      engine,
      `name: steady
services:
  a:
    image: busybox
    command: sleep 1000
    stop_signal: KILL
    ports: ["127.0.0.1:18941:80"]
    volumes: ["data:/data"]
    post_start: [{command: [sh, -c, "echo up >> /data/log; pwd >> /data/log"], working_dir: /tmp}]
    pre_stop: [{command: [sh, -c, "echo $$WHO >> /data/log"], environment: {WHO: me}}]
volumes: {data: {}}
`,
    );
    await compose(['up', '-d']);
    await compose(['stop']);
    await compose(['start']);
    assert.equal((await compose(['exec', '-T', 'a', 'cat', '/data/log'])).stdout, 'up\n/tmp\nme\nup\n/tmp\n');
    const cwd = join(engine.directory, 'other');
    mkdirSync(cwd);
    const refused = async (text: string): Promise<string> => {
      writeFileSync(join(cwd, 'compose.yaml'), text);
      const done = await run(wharfPath, ['compose', 'up', '-d'], { cwd, env: engine.env });
      assert.equal(done.code, 1, done.stderr);
      return done.stderr;
    };
    assert.match(
      await refused('services:\n  b:\n    image: busybox\n    ports: ["18941:80"]\n'),
      /^compose\.yaml:4:5: service "b": Bind for .*:18941 failed: port is already allocated: container steady-a-1 of project "steady"/,
    );
    writeFileSync(join(cwd, 'secret.txt'), 'x');
    assert.match(
      await refused('services:\n  b: {image: busybox, secrets: [s]}\nsecrets:\n  s:\n    file: ./secert.txt\n'),
      /^compose\.yaml:5:5: .*does not exist.*did you mean .*\/secret\.txt\?/,
    );
    assert.equal((await containers(engine)).size, 1, 'nothing was made');
    await compose(['down', '-v']);
  },
);
