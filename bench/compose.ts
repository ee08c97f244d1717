import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestDaemon, wharfPath } from '../test/e2e/support/daemon.ts';
import { timed } from './support.ts';

const ROUNDS = 8;
const LOGGED = 100;

/** `up`, nothing to do, `down` of 20 services; `config` of 200; memory of an `up` that shows the output of 100 containers. */
export async function benchCompose(daemon: TestDaemon): Promise<void> {
  const tree = project(daemon, 'tree', treeOf(20));
  const times: Record<string, number[]> = {};
  const measure = (what: string, args: readonly string[], cwd: string): void => {
    (times[what] ??= []).push(compose(daemon, args, cwd));
  };
  for (let round = 0; round < ROUNDS; round++) {
    measure('up', ['up', '-d'], tree);
    measure('nothing', ['up', '-d'], tree);
    measure('down', ['down', '-t', '0'], tree);
    (times['cli'] ??= []).push(timed(wharfPath, ['--version']));
  }
  const median = (what: string): number => (times[what] ?? []).sort((a, b) => a - b)[ROUNDS >> 1] ?? 0;
  const least = (what: string): number => Math.min(...(times[what] ?? [0]));
  const say = (what: string, ms: number, best: number, target: number): void =>
    console.log(
      `${what}: ${ms.toFixed(0)} ms (least ${best.toFixed(0)}); target at most ${target}: ${ms <= target ? 'ok' : 'MISSED'}`,
    );
  say('compose up -d, 20 services in a tree', median('up'), least('up'), 900);
  const cli = median('cli');
  say(
    'compose up -d with nothing to do, beyond the start of the CLI',
    median('nothing') - cli,
    least('nothing') - cli,
    120,
  );
  say('compose down -t 0, 20 services', median('down'), least('down'), 1000);

  const large = manyFiles(daemon);
  for (let round = 0; round < ROUNDS; round++) measure('config', ['config'], large);
  say('compose config, 200 services in 20 included files', median('config'), least('config'), 400);

  const mib = await memoryOfAttached(daemon);
  console.log(
    `compose up, output of ${LOGGED} containers: ${mib.toFixed(0)} MiB at most; target at most 120: ${mib <= 120 ? 'ok' : 'MISSED'}`,
  );
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
function treeOf(count: number): string {
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
    return Number(peak) / 1024;
  } finally {
    up.kill('SIGKILL');
    compose(daemon, ['down', '-t', '0'], cwd);
  }
}
