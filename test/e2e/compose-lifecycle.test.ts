import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { wharfPath } from './support/daemon.ts';
import { type EngineUnderTest, testOnEveryEngine } from './support/engines.ts';
import { api } from './support/http.ts';
import { type Outcome, run } from './support/run.ts';

const PORT = 18_473;
const PROJECT = `
services:
  web:
    image: busybox
    command: httpd -f -p 80 -h /www
    stop_signal: SIGKILL
    volumes: ["./site:/www:ro", "data:/data", /scratch]
    ports: ["127.0.0.1:${PORT}:80"]
    environment: {GREETING: "\${GREETING:-hello}"}
    healthcheck: {test: wget -q -O /dev/null http://127.0.0.1/, interval: 200ms, start_period: 10s}
    depends_on:
      db: {condition: service_healthy}
  db:
    image: busybox
    stop_signal: SIGKILL
    command: sh -c 'touch /tmp/ok; exec sleep 1000'
    healthcheck: {test: test -f /tmp/ok, interval: 200ms, start_period: 10s}
volumes: {data: }
`;

type Compose = (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Outcome>;

/** A project folder below the engine's own directory, which is removed with it. */
function projectIn(engine: EngineUnderTest, name: string, text: string): Compose {
  const cwd = join(engine.directory, name);
  mkdirSync(join(cwd, 'site'), { recursive: true });
  writeFileSync(join(cwd, 'site/index.html'), 'the page\n');
  writeFileSync(join(cwd, 'compose.yaml'), text);
  return (args, env = {}) =>
    run(wharfPath, ['compose', ...args], { cwd, env: { ...engine.env, ...env }, timeoutMs: 60_000 });
}

async function succeed(outcome: Promise<Outcome>): Promise<Outcome> {
  const done = await outcome;
  assert.equal(done.code, 0, done.stderr);
  return done;
}

async function ids(engine: EngineUnderTest): Promise<Record<string, string>> {
  const list = (await api(engine.socket, 'GET', '/containers/json?all=1')) as { Id: string; Names: string[] }[];
  return Object.fromEntries(list.map((c) => [c.Names[0]?.slice(1) ?? '', c.Id]));
}

testOnEveryEngine(
  'a project comes up in order, changes only what changed, and goes without a trace',
  { timeout: 180_000 },
  async (engine) => {
    const compose = projectIn(engine, 'demo', PROJECT);
    const up = await succeed(compose(['up', '-d', '--wait']));
    assert.match(up.stderr, / Container demo-db-1 {2}Healthy\n Container demo-web-1 {2}Starting\n/);
    assert.equal(await engine.page(PORT), 'the page\n');
    const first = await ids(engine);
    assert.deepEqual(Object.keys(first).sort(), ['demo-db-1', 'demo-web-1']);

    await succeed(compose(['up', '-d']));
    assert.deepEqual(await ids(engine), first, 'a second up touches nothing');

    await succeed(compose(['exec', '-T', 'web', 'sh', '-c', 'echo kept > /data/f; echo kept > /scratch/f']));
    await succeed(compose(['up', '-d'], { GREETING: 'changed' }));
    const second = await ids(engine);
    assert.equal(second['demo-db-1'], first['demo-db-1']);
    assert.notEqual(second['demo-web-1'], first['demo-web-1']);
    const kept = await succeed(compose(['exec', '-T', 'web', 'sh', '-c', 'cat /data/f /scratch/f; echo $GREETING']));
    assert.equal(kept.stdout, 'kept\nkept\nchanged\n', 'named and anonymous volumes are carried over');

    const code = await compose(['exec', '-T', 'db', 'sh', '-c', 'exit 7']);
    assert.equal(code.code, 7);
    const ps = await succeed(compose(['ps', '--format', 'json']));
    assert.deepEqual(
      ps.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { Service: string }).Service),
      ['db', 'web'],
    );

    await succeed(compose(['down', '-v']));
    assert.deepEqual(await ids(engine), {});
    const networks = (await api(engine.socket, 'GET', '/networks')) as { Name: string }[];
    assert.deepEqual(networks.map((n) => n.Name).sort(), ['bridge', 'host', 'none']);
    const { Volumes } = (await api(engine.socket, 'GET', '/volumes')) as { Volumes: { Name: string }[] | null };
    const left = (Volumes ?? []).filter(({ Name }) => !(engine.leavesCarriedVolumes && /^[0-9a-f]{64}$/.test(Name)));
    assert.deepEqual(left, []);
    const again = await succeed(compose(['down']));
    assert.match(again.stderr, /No resource found to remove for project "demo"/);
  },
);

testOnEveryEngine(
  'an attached up shows output, gives the exit code of the chosen service, and stops the rest',
  { timeout: 120_000 },
  async (engine) => {
    const compose = projectIn(
      engine,
      'jobs',
      `
services:
  job: {image: busybox, command: sh -c 'echo from the job; exit 3', depends_on: [helper]}
  helper: {image: busybox, command: sh -c 'trap "echo bye; exit" TERM; echo helping; while :; do sleep 0.1; done'}
`,
    );
    const done = await compose(['up', '--exit-code-from', 'job']);
    assert.equal(done.code, 3, done.stderr);
    for (const line of [
      'Attaching to helper-1, job-1',
      'job-1     | from the job',
      'helper-1  | bye',
      'job-1 exited with code 3',
    ]) {
      assert.ok(done.stdout.split('\n').includes(line), `${line} in ${done.stdout}`);
    }
    await succeed(compose(['down']));
  },
);

testOnEveryEngine(
  'a dependency that stays unhealthy ends up with its name, and a broken file creates nothing',
  { timeout: 120_000 },
  async (engine) => {
    const sick = projectIn(
      engine,
      'sick',
      `
services:
  bad: {image: busybox, stop_signal: SIGKILL, command: sleep 1000, healthcheck: {test: exit 1, interval: 100ms, retries: 2}}
  web: {image: busybox, stop_signal: SIGKILL, command: sleep 1000, depends_on: {bad: {condition: service_healthy}}}
`,
    );
    const failed = await sick(['up', '-d']);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /dependency failed to start: container sick-bad-1 is unhealthy\n$/);
    await succeed(sick(['down']));

    const broken = projectIn(engine, 'broken', 'services:\n  web:\n    image: busybox\n    volumnes: ["x:/x"]\n');
    const refused = await broken(['up', '-d']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^compose\.yaml:4:5: .*did you mean "volumes"\?\n  4 \| .*\n    \|     \^\n$/);
    assert.deepEqual(await ids(engine), {});
  },
);

testOnEveryEngine('scaling, one-off containers and orphans', { timeout: 120_000 }, async (engine) => {
  const compose = projectIn(
    engine,
    'many',
    'services:\n  w: {image: busybox, stop_signal: SIGKILL, command: sleep 1000}\n',
  );
  await succeed(compose(['up', '-d', '--scale', 'w=3']));
  assert.deepEqual(Object.keys(await ids(engine)).sort(), ['many-w-1', 'many-w-2', 'many-w-3']);
  await succeed(compose(['up', '-d']));
  assert.deepEqual(Object.keys(await ids(engine)), ['many-w-1']);
  const once = await compose(['run', '--rm', '-T', '-e', 'A=5', 'w', 'sh', '-c', 'echo $A; exit 4']);
  assert.deepEqual([once.code, once.stdout], [4, '5\n']);
  assert.deepEqual(Object.keys(await ids(engine)), ['many-w-1']);
  const other = projectIn(
    engine,
    'many',
    'services:\n  v: {image: busybox, stop_signal: SIGKILL, command: sleep 1000}\n',
  );
  assert.match((await succeed(other(['up', '-d']))).stderr, /Found orphan containers/);
  await succeed(other(['up', '-d', '--remove-orphans']));
  assert.deepEqual(Object.keys(await ids(engine)), ['many-v-1']);
  await succeed(other(['down']));
});
