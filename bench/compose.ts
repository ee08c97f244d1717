import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { bareContainers } from './bare.ts';
import { wharfPath } from './installed.ts';
import { absolute } from './report.ts';
import { medians, timed } from './support.ts';

const ROUNDS = 5;
const ROUNDS_OF_MANY = 2;
const FEW = 20;
const MANY = 100;
const LOGGED = 100;
/** What one service may cost among many, compared with one among few. */
const GROWTH = 1.3;

/** `up`, nothing to do, `down` of 20 and of 100 services; `config` of 200; memory of an `up` that shows the output of 100 containers. */
export async function benchCompose(daemon: TestDaemon): Promise<void> {
  const bare = await bareContainers(daemon);
  const cli = {
    name: 'wharf --version',
    value: medians(ROUNDS, { cli: () => timed(wharfPath, ['--version']) })['cli'] ?? 0,
  };
  const started = (services: number) => ({ name: `bare ${bare.runtime} run -d`, value: services * bare.start });
  const removed = (services: number) => ({ name: `bare ${bare.runtime} delete -f`, value: services * bare.remove });
  const few = upAndDown(daemon, FEW, ROUNDS);
  absolute(`compose up -d, ${FEW} services in a tree`, few.up, 900, 'ms', started(FEW));
  absolute(`compose up -d with nothing to do, ${FEW} services`, few.nothing, cli.value + 120, 'ms', cli);
  absolute(`compose down -t 0, ${FEW} services`, few.down, 1000, 'ms', removed(FEW));
  const many = upAndDown(daemon, MANY, ROUNDS_OF_MANY);
  // For each service they may take as much longer as one may cost among many.
  const most = (ofFew: number): number => (GROWTH * ofFew * MANY) / FEW;
  absolute(`compose up -d, ${MANY} services in a tree`, many.up, most(few.up), 'ms', started(MANY));
  absolute(`compose up -d with nothing to do, ${MANY} services`, many.nothing, most(few.nothing), 'ms', cli);
  absolute(`compose down -t 0, ${MANY} services`, many.down, most(few.down), 'ms', removed(MANY));

  const large = manyFiles(daemon);
  const { config = 0 } = medians(ROUNDS_OF_MANY, { config: () => compose(daemon, ['config'], large) });
  absolute('compose config, 200 services in 20 included files', config, 400, 'ms', cli);
  const mib = await memoryOfAttached(daemon);
  absolute(`peak of compose up with the output of ${LOGGED} containers`, mib, 120, 'MiB');
}

/** Median milliseconds of each. */
function upAndDown(daemon: TestDaemon, services: number, rounds: number) {
  const tree = project(daemon, `tree-${services}`, treeOf(services));
  const times = medians(rounds, {
    up: () => compose(daemon, ['up', '-d'], tree),
    nothing: () => compose(daemon, ['up', '-d'], tree),
    down: () => compose(daemon, ['down', '-t', '0'], tree),
  });
  const { up = 0, nothing = 0, down = 0 } = times;
  return { up, nothing, down };
}

function compose(daemon: TestDaemon, args: readonly string[], cwd: string): number {
  const begin = performance.now();
  const done = spawnSync(wharfPath, ['compose', ...args], {
    cwd,
    env: daemon.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (done.status !== 0) throw new Error(`compose ${args.join(' ')}: ${done.stderr.toString()}`);
  return performance.now() - begin;
}

function project(daemon: TestDaemon, name: string, text: string): string {
  const cwd = join(daemon.directory, name);
  mkdirSync(cwd, { recursive: true });
  writeFileSync(join(cwd, 'compose.yaml'), text);
  return cwd;
}

/** Each service needs the one above it in a binary tree. */
export function treeOf(count: number): string {
  const services = Array.from({ length: count }, (_, i) =>
    [
      `  s${i}:`,
      '    image: busybox',
      '    command: sleep 1000',
      ...(i > 0 ? [`    depends_on: [s${(i - 1) >> 1}]`] : []),
    ].join('\n'),
  );
  return `services:\n${services.join('\n')}\n`;
}

function manyFiles(daemon: TestDaemon): string {
  const files = Array.from({ length: 20 }, (_, f) => `f${f}.yaml`);
  const cwd = project(daemon, 'large', `include: [${files.join(', ')}]\n`);
  for (const [f, file] of files.entries()) {
    const services = Array.from({ length: 10 }, (_, i) => {
      const needs = i > 0 ? `\n    depends_on: [s${f}x${i - 1}]` : '';
      return `  s${f}x${i}:
    image: \${REGISTRY:-local}/app${i}:1.${f}
    command: ["run", "--port", "80"]
    environment: {A: "1", B: "\${HOME}", C: "\${X:-y}"}
    ports: ["${10_000 + f * 10 + i}:80"]
    volumes: ["./d:/d:ro", "data${f}:/var"]
    healthcheck: {test: ["CMD", "true"], interval: 5s}
    labels: {a: b, c: d}
    networks: [n${f}]
    deploy: {resources: {limits: {cpus: "0.5", memory: 64M}}}${needs}`;
    });
    writeFileSync(
      join(cwd, file),
      `services:\n${services.join('\n')}\nvolumes: {data${f}: {}}\nnetworks: {n${f}: {}}\n`,
    );
  }
  return cwd;
}

/** The most that `up` ever held while each of its containers printed a thousand lines, in MiB. */
async function memoryOfAttached(daemon: TestDaemon): Promise<number> {
  const command = `sh -c 'i=0; while [ $$i -lt 1000 ]; do echo "line $$i of a container that has much to say"; i=$$((i+1)); done; exec sleep 1000'`;
  const text = `services:\n  talk:\n    image: busybox\n    stop_signal: KILL\n    scale: ${LOGGED}\n    command: ${command}\n`;
  const cwd = project(daemon, 'talk', text);
  const up = spawn(wharfPath, ['compose', 'up'], { cwd, env: daemon.env, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    let ended = 0;
    for await (const line of createInterface({ input: up.stdout }))
      if (/ line 999 /.test(line) && ++ended === LOGGED) break;
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${up.pid}/status`, 'utf8'))?.[1];
    compose(daemon, ['down', '-t', '0'], cwd);
    return Number(peak) / 1024;
  } finally {
    up.kill('SIGKILL');
  }
}
