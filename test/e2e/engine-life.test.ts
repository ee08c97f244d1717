import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { FrameParser } from '../../src/core/frames.ts';
import type { ContainerConfig, HostConfig } from '../../src/core/wire/container.ts';
import { busyboxTar } from './support/busybox.ts';
import { type OpenEngine, openEngineAt } from './support/engine.ts';
import { isMapped } from './support/userns.ts';

const directory = mkdtempSync(join(tmpdir(), 'wharf-engine-'));
const dataRoot = join(directory, 'data');
const execRoot = join(directory, 'exec');
const instance = `e${process.pid.toString(36)}`.slice(0, 8);
const never = new AbortController().signal;

/** Disposed of without `shutdown` it lets go of everything as a crash of the daemon would: nothing is stopped. */
const open = () => openEngineAt(directory, instance, { base: '10.213.0.0/16', size: 24 });

let opened: OpenEngine;

before(async () => {
  opened = await open();
  await opened.engine.images.import(
    Readable.from([await busyboxTar()]),
    { repository: 'busybox', tag: 'latest', message: '', change: (config) => ({ ...config, Cmd: ['sh'] }) },
    never,
  );
});

after(async () => {
  for (const { Id } of await opened.engine.containers.list({ all: true, size: false, filters: {} })) {
    await opened.engine.containers.remove(Id, { force: true, volumes: true, link: false });
  }
  for (const network of await opened.engine.networks.list({ type: ['custom'] })) {
    await opened.engine.networks.remove(network.Id);
  }
  const { networks } = opened.engine.parts;
  for (const network of await opened.engine.networks.list({ driver: ['bridge'] })) {
    await networks.removeNetwork(network.Id);
  }
  await opened.engine.shutdown();
  await opened[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

interface Run {
  readonly cmd: readonly string[];
  readonly name?: string;
  readonly config?: ContainerConfig;
  readonly host?: HostConfig;
}

async function create({ cmd, name, config = {}, host = {} }: Run): Promise<string> {
  const { Id } = await opened.engine.containers.create({
    name,
    config: { Image: 'busybox', Cmd: [...cmd], ...config },
    hostConfig: host,
    networking: {},
  });
  return Id;
}

async function start(run: Run): Promise<string> {
  const id = await create(run);
  await opened.engine.containers.start(id);
  return id;
}

const remove = (id: string, volumes = true) =>
  opened.engine.containers.remove(id, { force: true, volumes, link: false });

/** Runs to the end as `docker run` does: attach, wait, start. */
async function output(run: Run): Promise<{ text: string; code: number }> {
  const { containers } = opened.engine;
  const id = await create({ ...run, host: { AutoRemove: true, ...run.host } });
  const { stream } = await containers.attach(id, {
    stdin: false,
    stdout: true,
    stderr: true,
    logs: false,
    stream: true,
  });
  const waiting = await containers.wait(id, 'removed', never);
  await containers.start(id);
  let text = '';
  const frames = new FrameParser();
  for await (const chunk of stream) for (const f of frames.push(chunk as Buffer)) text += f.payload.toString();
  return { text, code: (await waiting.done).StatusCode };
}

/** Events of one container until one of the given action has come. */
async function events(id: string, until: string, work: () => Promise<unknown>): Promise<string[]> {
  const stop = new AbortController();
  const seen: string[] = [];
  const listening = opened.engine.events.subscribe({ filters: {}, signal: stop.signal });
  const done = (async () => {
    for await (const e of listening) {
      if (e.Actor.ID !== id && e.Actor.Attributes['container'] !== id) continue;
      seen.push(e.Type === 'container' ? e.Action : `${e.Type} ${e.Action}`);
      if (e.Action === until) return;
    }
  })();
  await work();
  await done;
  stop.abort();
  return seen;
}

/** What one container holds in the kernel and on disk. */
function traces(id: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory))
    .map((line) => line.split(' ')[4] ?? '');
  const below = (path: string) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []);
  const files = ['containers', 'known', 'netns', 'exits'].flatMap((name) => below(join(execRoot, name)));
  return [...mounts, ...files, ...below(join(dataRoot, 'containers'))].filter(
    (path) => !path.includes('/mapped/') && (path.includes(id) || path.includes('/snapshots/')),
  );
}

test('output, exit code, and nothing left of a container that removes itself', { timeout: 60_000 }, async () => {
  const { text, code } = await output({ cmd: ['sh', '-c', 'echo out; echo err >&2; exit 3'], name: 'short-lived' });
  assert.deepEqual(text.split('\n').sort(), ['', 'err', 'out']);
  assert.equal(code, 3);
  assert.deepEqual(
    await opened.engine.containers.list({ all: true, size: false, filters: { name: ['short-lived'] } }),
    [],
  );
  // Its files follow behind the answer; that they never go the time limit of the test would show.
  while (traces('').length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});

test("events come in Docker's order", { timeout: 60_000 }, async () => {
  const id = await create({ cmd: ['true'], host: { AutoRemove: true, Binds: ['/anonymous'] } });
  const seen = await events(id, 'destroy', () => opened.engine.containers.start(id));
  assert.deepEqual(seen, [
    'volume mount',
    'network connect',
    'start',
    'network disconnect',
    'volume unmount',
    'die',
    'destroy',
  ]);
});

test('who asks too late for the end of a container that removed itself is told it all the same', {
  timeout: 60_000,
}, async () => {
  const id = await create({ cmd: ['sh', '-c', 'exit 7'], host: { AutoRemove: true } });
  await events(id, 'destroy', () => opened.engine.containers.start(id));
  const { containers } = opened.engine;
  await assert.rejects(containers.inspect(id, { size: false }), /No such container/);
  for (const ref of [id, id.slice(0, 12)]) {
    const { done } = await containers.wait(ref, 'not-running', never);
    assert.deepEqual(await done, { StatusCode: 7 });
  }
  await assert.rejects(containers.wait(id.slice(0, 5), 'not-running', never), /No such container/);
});

for (const [name, cmd, code, message] of [
  ['a program that is not there', ['nope'], 127, /executable file not found in \$PATH/],
  ['a directory', ['/etc'], 126, /permission denied|is a directory/],
] as const) {
  test(`${name} does not start, and leaves nothing`, { timeout: 60_000 }, async () => {
    const id = await create({ cmd });
    await assert.rejects(opened.engine.containers.start(id), message);
    const { State } = await opened.engine.containers.inspect(id, { size: false });
    assert.equal(State.Status, 'created');
    assert.equal(State.ExitCode, code);
    assert.match(State.Error, message);
    assert.deepEqual(
      traces(id).filter((path) => !path.startsWith(dataRoot)),
      [],
    );
    await remove(id);
    assert.deepEqual(traces(id), []);
  });
}

test('stop: the signal, then SIGKILL', { timeout: 60_000 }, async () => {
  const id = await start({ cmd: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] });
  const seen = await events(id, 'stop', async () => {
    assert.equal(await opened.engine.containers.stop(id, { timeoutSeconds: 1 }), true);
  });
  assert.deepEqual(seen, ['kill', 'kill', 'network disconnect', 'die', 'stop']);
  const { State } = await opened.engine.containers.inspect(id, { size: false });
  assert.equal(State.ExitCode, 137);
  assert.equal(await opened.engine.containers.stop(id, {}), false);
  assert.equal(await opened.engine.containers.start(id), true);
  assert.equal(await opened.engine.containers.start(id), false);
  await assert.rejects(opened.engine.containers.remove(id, { force: false, volumes: false, link: false }), {
    message: `cannot remove container "${id}": container is running: stop the container before removing or force remove`,
  });
  await remove(id);
});

test('lookup and conflicts', { timeout: 60_000 }, async () => {
  const id = await create({ cmd: ['true'], name: 'taken' });
  await assert.rejects(create({ cmd: ['true'], name: 'taken' }), {
    message:
      `Conflict. The container name "/taken" is already in use by container "${id}". ` +
      'You have to remove (or rename) that container to be able to reuse that name.',
  });
  for (const ref of ['taken', '/taken', id, id.slice(0, 12), id.slice(0, 4)]) {
    assert.equal((await opened.engine.containers.inspect(ref, { size: false })).Id, id);
  }
  await assert.rejects(opened.engine.containers.inspect('nobody', { size: false }), {
    message: 'No such container: nobody',
  });
  await assert.rejects(create({ cmd: ['true'], config: { Image: 'nope', Cmd: ['x'] } }), {
    message: 'No such image: nope:latest',
  });
  await remove(id);
});

test('a restart policy brings it back until it is stopped', { timeout: 60_000 }, async () => {
  const id = await create({
    cmd: ['sh', '-c', 'exit 7'],
    host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
  });
  const seen: string[] = [];
  const stop = new AbortController();
  const listening = opened.engine.events.subscribe({
    filters: { container: [id], event: ['die'] },
    signal: stop.signal,
  });
  const done = (async () => {
    for await (const e of listening) if (seen.push(e.Action) === 3) return;
  })();
  await opened.engine.containers.start(id);
  await done;
  stop.abort();
  const { State, RestartCount } = await opened.engine.containers.inspect(id, { size: false });
  assert.equal(State.Status, 'exited');
  assert.equal(State.ExitCode, 7);
  assert.equal(RestartCount, 2);
  await remove(id);
});

test('removal by force at any moment of a start is safe', { timeout: 60_000 }, async () => {
  for (const turns of [0, 1, 5]) {
    const id = await create({ cmd: ['sleep', '60'] });
    const starting = opened.engine.containers.start(id).catch(() => false);
    for (let i = 0; i < turns; i++) await new Promise(setImmediate);
    await remove(id);
    await starting;
    await assert.rejects(opened.engine.containers.inspect(id, { size: false }), /No such container/);
    assert.deepEqual(traces(id), []);
  }
});

test('volumes: filled from the image, kept by name, anonymous ones removed', { timeout: 60_000 }, async () => {
  const { text } = await output({
    cmd: ['ls', '/etc/passwd', '/anon'],
    host: { Binds: ['engine-test:/etc', '/anon'] },
  });
  assert.match(text, /\/etc\/passwd/);
  const { Volumes } = await opened.engine.volumes.list({});
  assert.deepEqual(
    Volumes.map((v) => v.Name),
    ['engine-test'],
  );
  await opened.engine.volumes.remove('engine-test', false);
});

test('exec: output, exit code as soon as the output has ended, a missing program', { timeout: 60_000 }, async () => {
  const id = await start({ cmd: ['sleep', '60'], config: { Image: 'busybox', Cmd: ['sleep', '60'], Env: ['A=1'] } });
  const run = async (cmd: string[]) => {
    const { Id } = await opened.engine.execs.create(id, {
      Cmd: cmd,
      AttachStdout: true,
      AttachStderr: true,
      Env: ['B=2'],
    });
    const { stream } = await opened.engine.execs.start(Id, {});
    let text = '';
    const frames = new FrameParser();
    for await (const chunk of stream ?? []) for (const f of frames.push(chunk as Buffer)) text += f.payload.toString();
    return { text, Id };
  };
  const good = await run(['sh', '-c', 'echo $A$B; exit 4']);
  assert.equal(good.text, '12\n');
  assert.equal((await opened.engine.execs.inspect(good.Id)).ExitCode, 4);
  const bad = await run(['nope']);
  assert.match(bad.text, /executable file not found in \$PATH/);
  assert.equal((await opened.engine.execs.inspect(bad.Id)).ExitCode, 127);
  await remove(id);
});

test('copying in and out, of a stopped container and its volume too', { timeout: 60_000 }, async () => {
  const { containers } = opened.engine;
  const id = await create({ cmd: ['true'], host: { Binds: ['/data'] } });
  const { tar } = await containers.archiveGet(id, '/bin/busybox');
  const options = { noOverwriteDirNonDir: false, copyUidGid: false };
  await containers.archivePut(id, '/data', tar, options);
  assert.equal((await containers.archiveStat(id, '/data/busybox'))['name'], 'busybox');
  await assert.rejects(containers.archiveStat(id, '/nope'), /Could not find the file \/nope in container/);
  assert.deepEqual(
    traces('').filter((path) => path.includes('/merged')),
    [],
  );
  await remove(id);
});

test('health: starting, then healthy, then unhealthy', { timeout: 60_000 }, async () => {
  const id = await create({
    cmd: ['sh', '-c', 'touch /ok; sleep 60'],
    config: {
      Image: 'busybox',
      Cmd: ['sh', '-c', 'touch /ok; sleep 60'],
      Healthcheck: { Test: ['CMD-SHELL', 'echo seen; test -e /ok'], Interval: 100e6, Retries: 2 },
    },
  });
  await events(id, 'health_status: healthy', async () => {
    await opened.engine.containers.start(id);
    assert.equal((await opened.engine.containers.inspect(id, { size: false })).State.Health?.Status, 'starting');
  });
  const healthy = await opened.engine.containers.inspect(id, { size: false });
  assert.equal(healthy.State.Health?.Log?.at(-1)?.Output, 'seen\n');
  await events(id, 'health_status: unhealthy', async () => {
    const { Id } = await opened.engine.execs.create(id, { Cmd: ['rm', '/ok'] });
    await opened.engine.execs.start(Id, { Detach: true });
  });
  await remove(id);
});

test('networks: create, connect, names, refusals', { timeout: 60_000 }, async () => {
  const { networks, containers } = opened.engine;
  const { Id } = await networks.create({ Name: 'engine-net' });
  await assert.rejects(networks.create({ Name: 'engine-net' }), {
    message: 'network with name engine-net already exists',
  });
  const id = await start({ cmd: ['sleep', '60'], name: 'member' });
  await networks.connect('engine-net', id, { Aliases: ['alias'] });
  const { NetworkSettings } = await containers.inspect(id, { size: false });
  assert.deepEqual(Object.keys(NetworkSettings.Networks).sort(), ['bridge', 'engine-net']);
  assert.equal(NetworkSettings.Networks['engine-net']?.NetworkID, Id);
  assert.deepEqual(Object.keys((await networks.inspect(Id, { verbose: false })).Containers), [id]);
  await assert.rejects(networks.remove('engine-net'), /network engine-net has active endpoints \(name:"member"/);
  await networks.disconnect('engine-net', id, false);
  await assert.rejects(networks.disconnect('engine-net', id, false), /is not connected to network engine-net/);
  await networks.remove('engine-net');
  await assert.rejects(networks.remove('bridge'), /bridge is a pre-defined network and cannot be removed/);
  await remove(id);
});

test('a daemon that dies: what runs goes on, ends are taken in, policies hold', { timeout: 60_000 }, async () => {
  const running = await start({ cmd: ['sleep', '60'], name: 'goes-on' });
  const ending = await start({
    cmd: ['sh', '-c', 'read line; exit 5'],
    config: { Image: 'busybox', Cmd: ['sh', '-c', 'read line; exit 5'], OpenStdin: true },
  });
  const pidOf = async (id: string) => (await opened.engine.containers.inspect(id, { size: false })).State.Pid;
  const pid = await pidOf(running);
  const { stream } = await opened.engine.containers.attach(ending, {
    stdin: true,
    stdout: true,
    stderr: true,
    logs: false,
    stream: true,
  });
  stream.resume();
  await opened[Symbol.asyncDispose]();
  const ended = new Promise((resolve) => stream.once('end', resolve));
  stream.write('go\n');
  await ended;

  opened = await open();
  assert.equal(await pidOf(running), pid);
  const { State } = await opened.engine.containers.inspect(ending, { size: false });
  assert.equal(State.Status, 'exited');
  assert.equal(State.ExitCode, 5);
  const { Id } = await opened.engine.execs.create('goes-on', { Cmd: ['true'] });
  await opened.engine.execs.start(Id, { Detach: true });
  await remove(running);
  await remove(ending);
  assert.deepEqual(traces(''), []);
});

test('what is made ahead of a start goes when none comes', { timeout: 60_000 }, async () => {
  const id = await create({ cmd: ['true'] });
  const sandbox = () => traces(id).filter((path) => path.includes('/netns/'));
  if (isMapped) {
    // Its namespaces will belong to the user namespace that the start makes: nothing is, while another one comes and goes.
    await remove(await start({ cmd: ['sleep', '60'] }));
    assert.deepEqual(sandbox(), []);
    return await remove(id);
  }
  // It is made behind the answer, and gone after a second.
  while (sandbox().length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await opened.engine.containers.inspect(id, { size: false })).State.Pid, 0);
  while (sandbox().length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await remove(id);
  assert.deepEqual(traces(id), []);
});

test('who was expected to attach and does not come holds nothing up; who comes misses nothing', {
  timeout: 60_000,
}, async () => {
  const { containers } = opened.engine;
  const run = {
    cmd: ['sh', '-c', 'yes 0123456789 | head -c 3000000'],
    config: { AttachStdout: true, AttachStderr: true },
  };
  for (let n = 0; n < 3; n++) {
    const id = await create(run);
    // It is made ready behind the answer.
    await new Promise((resolve) => setImmediate(resolve));
    const { done } = await containers.wait(id, 'next-exit', never);
    await containers.start(id);
    assert.equal((await done).StatusCode, 0);
    await remove(id);
    assert.deepEqual(traces(id), []);
    assert.equal((await output(run)).text.length, 3_000_000);
  }
});

test('an exec that was expected and does not come leaves nothing; one that comes is as if it had not been', {
  timeout: 60_000,
}, async () => {
  const id = await start({ cmd: ['sleep', '60'] });
  const { engine } = opened;
  const run = async (words: readonly string[]) => {
    const { Id } = await engine.execs.create(id, { Cmd: [...words], AttachStdout: true, AttachStderr: true });
    const { stream } = await engine.execs.start(Id, {});
    const said = Buffer.concat((await stream?.toArray()) as Buffer[]).toString('latin1');
    return { said, code: (await engine.execs.inspect(Id)).ExitCode };
  };
  const first = await run(['sh', '-c', 'echo one; exit 3']);
  for (let n = 0; n < 3; n++) {
    await engine.containers.inspect(id, { size: false });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await run(['sh', '-c', 'echo one; exit 3']), first);
  }
  await engine.containers.inspect(id, { size: false });
  const runtimes = () => readdirSync(join(execRoot, 'containers', id)).filter((name) => name.startsWith('exec-'));
  // With mapped users nothing is readied.
  while (runtimes().length === 0 && !isMapped) await new Promise((resolve) => setImmediate(resolve));
  while (runtimes().length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await remove(id);
  assert.deepEqual(traces(id), []);
});
