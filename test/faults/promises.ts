import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { api } from '../e2e/support/http.ts';
import { execOf, logsOf } from './answers.ts';
import { events } from './event-promises.ts';
import { eventually } from './eventually.ts';
import { kernelFaults } from './kernel.ts';
import { OUTSIDE_ADDRESS, OUTSIDE_NAME } from './upstream.ts';
import type { Inspect, Job, World } from './world.ts';

/** Lines that may be lost with a monitor: it had read them, and died before it wrote them. */
const LINES_PER_DEATH = 3;

/** What was promised and is not so, in words. Empty: all is well. */
export async function brokenPromises(world: World): Promise<string[]> {
  const broken: string[] = [];
  const checks: readonly ((world: World) => Promise<string | undefined>)[] = [
    residents,
    counter,
    jobs,
    stubborn,
    volume,
    images,
    networks,
    removed,
    project,
    port,
    names,
    database,
    kernel,
    story,
  ];
  for (const check of checks) {
    try {
      const wrong = await check(world);
      if (wrong !== undefined) broken.push(`${check.name}: ${wrong}`);
    } catch (e) {
      broken.push(`${check.name}: ${e instanceof Error ? e.message : String(e)}`);
    }
  }
  return broken;
}

/** The very same processes run on, unless they were killed; those come back. */
async function residents(world: World): Promise<string | undefined> {
  for (const name of ['counter', 'web', 'typist']) {
    const before = world.residents.get(name);
    const restarted = world.restarted.has(name);
    let now: Inspect | undefined;
    const wrong = await eventually(async () => {
      now = await world.find(name);
      if (now?.State.Status !== 'running')
        return `"${name}" is ${now?.State.Status ?? 'gone'} (${now?.State.ExitCode})`;
      if (before === undefined) return undefined;
      if (restarted) return now.State.Pid === before.State.Pid ? `"${name}" was not restarted` : undefined;
      const same = now.State.Pid === before.State.Pid && now.State.StartedAt === before.State.StartedAt;
      return same ? undefined : `"${name}" is another process: ${before.State.Pid}, now ${now.State.Pid}`;
    });
    if (wrong !== undefined) return wrong;
    if (now !== undefined) {
      world.residents.set(name, now);
      process.kill(now.State.Pid, 0);
    }
    world.restarted.delete(name);
  }
  return undefined;
}

async function counter(world: World): Promise<string | undefined> {
  let text = '';
  const stands = await eventually(async () => {
    text = await logsOf(world, 'counter');
    return text.length > world.counterLength ? undefined : 'its log does not go on';
  });
  world.counterLength = text.length;
  return stands ?? sequence(text, world.monitorDeaths * LINES_PER_DEATH, undefined);
}

async function jobs(world: World): Promise<string | undefined> {
  for (const job of world.jobs.values()) {
    if (world.verified.has(job.name)) continue;
    const wrong = await ended(world, job);
    if (wrong !== undefined) return `"${job.name}" ${wrong}`;
    world.verified.add(job.name);
    if (world.blind || world.startsFail) continue;
    const text = await logsOf(world, job.name, job.tty);
    const lines = sequence(text, world.monitorDeaths * LINES_PER_DEATH, job.lines);
    if (lines !== undefined) {
      const again = await logsOf(world, job.name, job.tty);
      return `"${job.name}" ${lines}; asked again: ${sequence(again, 0, job.lines) ?? 'complete'}`;
    }
  }
  return undefined;
}

function ended(world: World, job: Pick<Job, 'name' | 'code'>): Promise<string | undefined> {
  return eventually(async () => {
    const found = await world.find(job.name);
    if (found === undefined) return 'is gone';
    if (found.State.Status !== 'exited') return `is ${found.State.Status}`;
    if (found.State.ExitCode === job.code || world.blind) return undefined;
    // What is the container's process was the runtime's a moment before: it may be the one that was killed.
    if (found.State.ExitCode === 137 && world.startsFail) return undefined;
    return `ended with ${found.State.ExitCode} instead of ${job.code} (${found.State.Error})`;
  });
}

/** Lines `line 1`, `line 2`...: none twice, none out of order, none missing but so many. */
function sequence(text: string, mayMiss: number, count: number | undefined): string | undefined {
  let last = 0;
  let missing = 0;
  for (const line of text.replaceAll('\r', '').split('\n').slice(0, -1)) {
    const number = Number(/^line (\d+)$/.exec(line)?.[1] ?? Number.NaN);
    if (!Number.isInteger(number)) return `has the line ${JSON.stringify(line)} after ${last}`;
    if (number <= last) return `has line ${number} after ${last}`;
    missing += number - last - 1;
    last = number;
  }
  if (count !== undefined) missing += count - last;
  return missing > mayMiss ? `lacks ${missing} lines of ${count ?? last}, the last is ${last}` : undefined;
}

async function stubborn(world: World): Promise<string | undefined> {
  for (const one of world.stubborn.values()) {
    if (world.verified.has(one.name)) continue;
    const wrong = await eventually(async () => {
      const found = await world.find(one.name);
      if (found === undefined) return 'is gone';
      const { State, RestartCount } = found;
      if (State.Status !== 'exited') return `is ${State.Status} after ${RestartCount} restarts of ${one.retries}`;
      if (world.blind || world.startsFail) return undefined;
      if (RestartCount !== one.retries) return `was restarted ${RestartCount} times instead of ${one.retries}`;
      return State.ExitCode === one.code ? undefined : `ended with ${State.ExitCode} instead of ${one.code}`;
    });
    if (wrong !== undefined) return `"${one.name}" ${wrong}`;
    world.verified.add(one.name);
    if (world.blind || world.startsFail) continue;
    const starts = (await logsOf(world, one.name)).split('\n').length - 1;
    // A daemon that dies between a start and its record does not know of it, and starts once more.
    const missing = one.retries + 1 - starts;
    if (missing > world.monitorDeaths || -missing > world.daemonDeaths) {
      return `"${one.name}" ran ${starts} times for ${one.retries} restarts`;
    }
  }
  return undefined;
}

async function volume(world: World): Promise<string | undefined> {
  const path = join(world.daemon.dataRoot, 'volumes/kept/_data/log');
  if (world.written.length === 0) return undefined;
  const numbers = readFileSync(path, 'utf8').split('\n').slice(0, -1).map(Number);
  const lost = world.written.filter((n) => !numbers.includes(n));
  if (lost.length > 0) return `lost ${lost.join(', ')}`;
  const odd = numbers.filter((n, i) => !world.attempted.has(n) || numbers.indexOf(n) !== i);
  return odd.length > 0 ? `nobody wrote ${odd.join(', ')}` : undefined;
}

async function images(world: World): Promise<string | undefined> {
  for (const [tag, text] of world.images) {
    if (world.verified.has(tag)) continue;
    const { stdout } = await world.must(['run', '--rm', tag]);
    if (stdout !== text) return `"${tag}" prints ${JSON.stringify(stdout)} instead of ${JSON.stringify(text)}`;
    world.verified.add(tag);
  }
  return undefined;
}

async function networks(world: World): Promise<string | undefined> {
  const there = (await api(world.daemon.socket, 'GET', '/networks')) as { Name: string }[];
  const lost = [...world.networks].filter((name) => !there.some((network) => network.Name === name));
  return lost.length > 0 ? `lost ${lost.join(', ')}` : undefined;
}

async function removed(world: World): Promise<string | undefined> {
  const there = new Set((await world.list()).flatMap((c) => c.Names));
  const back = [...world.removed].filter((name) => there.has(`/${name}`));
  return back.length > 0 ? `still there: ${back.join(', ')}` : undefined;
}

async function project(world: World): Promise<string | undefined> {
  // The runtime's process that was killed may have been a service's own already.
  if (world.startsFail) world.project = 'unknown';
  if (world.project === 'unknown') return undefined;
  const filters = encodeURIComponent(JSON.stringify({ label: ['com.docker.compose.project=project'] }));
  const states = (await world.list(`all=1&filters=${filters}`)).map((c) => c.State).join(' ');
  const expected = world.project === 'up' ? 'running running' : '';
  return states === expected ? undefined : `the project is ${world.project} and its containers are "${states}"`;
}

function port(world: World): Promise<string | undefined> {
  return eventually(async () => {
    const web = await world.inspect('web');
    const [published] = web.NetworkSettings.Ports['80/tcp'] ?? [];
    if (published === undefined) return 'nothing is published';
    const answer = await get(Number(published.HostPort));
    return answer === 'hello\n' ? undefined : `port ${published.HostPort} answers ${JSON.stringify(answer)}`;
  });
}

function get(to: number): Promise<string> {
  return new Promise((resolve) => {
    const req = request({ host: '127.0.0.1', port: to, path: '/', agent: false, timeout: 2000 }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => resolve(text));
      res.on('error', (e) => resolve(e.message));
    });
    req.on('timeout', () => req.destroy(new Error('timeout')));
    req.on('error', (e) => resolve(e.message));
    req.end();
  });
}

/** Containers by name; what is not known here is asked from the host's name server. */
function names(world: World): Promise<string | undefined> {
  return eventually(async () => {
    const address = (await world.inspect('web')).NetworkSettings.Networks['lasting']?.IPAddress ?? 'no address';
    const [inside, outside] = await Promise.all(
      ['web', OUTSIDE_NAME].map((name) => execOf(world, 'counter', ['nslookup', '-type=a', name])),
    );
    if (inside?.includes(address) !== true) return `"web" is ${address}, but: ${inside}`;
    return outside?.includes(OUTSIDE_ADDRESS) === true ? undefined : `"${OUTSIDE_NAME}" is not known: ${outside}`;
  });
}

async function database(world: World): Promise<string | undefined> {
  const db = new DatabaseSync(join(world.daemon.dataRoot, 'wharf.db'), { readOnly: true });
  try {
    const result = db.prepare('PRAGMA integrity_check').all();
    const words = result.map((row) => String(row['integrity_check'])).join(', ');
    return words === 'ok' ? undefined : words;
  } finally {
    db.close();
  }
}

async function kernel(world: World): Promise<string | undefined> {
  return eventually(async () => {
    const faults = await kernelFaults(world);
    return faults.length === 0 ? undefined : faults.join('; ');
  });
}

/** Asked again, as containers may go on while they are compared with what was told. */
function story(world: World): Promise<string | undefined> {
  return eventually(() => events(world));
}
