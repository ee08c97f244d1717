import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { STOCK_ENGINES } from '../../../scripts/lib/stock-engine.mjs';

/** Versions of Debian's docker.io that are at hand. */
type StockVersion = '20.10' | '26.1';

/**
 * Debian's docker.io as a peer: its own network, mount and process namespaces, roots, socket and cgroup, so that it
 * touches nothing of the machine (its default bridge is 172.17.0.0/16, but inside) and everything it started ends with it.
 * Its containers reach nothing outside, and their published ports are reached only from within (`inNetwork`).
 */
export interface StockEngine {
  readonly socket: string;
  /** For `DOCKER_HOST`. */
  readonly host: string;
  readonly directory: string;
  /** What to put before a command so that it runs in the engine's network. */
  readonly inNetwork: readonly string[];
  readonly log: readonly string[];
}

/** Runs `body` with a fresh stock engine, ended and removed afterwards. @throws {Error} with its log if it does not start */
export async function withStockEngine(
  version: StockVersion,
  body: (engine: StockEngine) => Promise<void>,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const programs = join(STOCK_ENGINES, version);
  assert.ok(existsSync(programs), `no stock engine in ${programs}: run node scripts/setup.mjs --for-tests`);
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'stock-engine-')));
  if ('userns-remap' in more) chmodSync(directory, 0o711);
  const cgroup = `stock-engine-${process.pid}-${Date.now().toString(36)}`;
  const socket = join(directory, 'docker.sock');
  const flags = {
    host: `unix://${socket}`,
    'data-root': join(directory, 'data'),
    'exec-root': join(directory, 'exec'),
    pidfile: join(directory, 'pid'),
    'cgroup-parent': `/${cgroup}`,
    group: 'root',
    ...more,
  };
  const dockerd = ['dockerd', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)];
  // --kill-child: should the test be killed, the kernel ends the process namespace, and all that lives in it.
  const isolated = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
  const child = spawn('unshare', [...isolated, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...dockerd], {
    env: {
      ...process.env,
      PATH: `${join(programs, 'bin')}:${process.env['PATH'] ?? ''}`,
      LD_LIBRARY_PATH: join(programs, 'lib'),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const log = await ready(child);
    await body({ socket, host: `unix://${socket}`, directory, log, inNetwork: ['nsenter', `--net=${netOf(child)}`] });
  } finally {
    await end(child);
    rmSync(directory, { recursive: true, force: true });
    removeCgroups(cgroup);
  }
}

/** Resolves when it listens, with the lines it says: more are added as they come. */
async function ready(child: ChildProcess): Promise<readonly string[]> {
  const log: string[] = [];
  const listening = Promise.withResolvers<void>();
  assert.ok(child.stderr);
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line);
    if (line.includes('API listen on')) listening.resolve();
  });
  child.once('error', listening.reject);
  child.once('exit', (code, signal) => {
    listening.reject(new Error(`dockerd ended (${code ?? signal}):\n${log.slice(-20).join('\n')}`));
  });
  await listening.promise;
  return log;
}

/** The network namespace of dockerd: the one child of `unshare`. */
function netOf(child: ChildProcess): string {
  return `/proc/${dockerdOf(child)}/ns/net`;
}

function dockerdOf(child: ChildProcess): number {
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
}

/** Ends dockerd, which is the first process of its namespace: the kernel ends the others with it, before it is reaped. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(dockerdOf(child), 'SIGKILL');
  await ended;
}

/** Removes the groups that its containers were in, in every hierarchy. */
function removeCgroups(name: string): void {
  for (const hierarchy of readdirSync('/sys/fs/cgroup')) removeGroup(join('/sys/fs/cgroup', hierarchy, name));
  removeGroup(join('/sys/fs/cgroup', name));
}

function removeGroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(path, entry.name));
  }
  rmdirSync(path);
}
