import { existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI_PLUGINS } from '../scripts/lib/cli-plugins.mjs';
import { STOCK_ENGINES } from '../scripts/lib/stock-engine.mjs';
import { importBusybox } from '../test/e2e/support/busybox.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { type StockEngine, withStockEngine } from '../test/e2e/support/stock-engine.ts';
import { pssMib, pssOf } from './processes.ts';
import { startRegistry } from './registry.ts';
import { compare } from './report.ts';
import { medians, timed } from './support.ts';

const VERSION = '26.1';
const IDLE = 50;
const MANY = 100;
const FILES = 5_000;

/** An engine, to be driven by the docker CLI. */
interface Peer {
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  /** What to put before a command so that it runs in the engine's network. */
  readonly inNetwork: readonly string[];
  /** Of all its processes, without those of containers. */
  readonly memoryMib: () => number;
}

type Docker = (...args: string[]) => number;

/** Wharf beside Debian's docker.io, where that is at hand: the same docker CLI, the same work, in turn. */
export async function benchPeers(daemon: TestDaemon): Promise<void> {
  await withPeers(daemon, (peers) => {
    commands(peers);
    many(peers);
  });
}

/** Builds, push and pull, likewise. */
export async function benchPeerBuilds(daemon: TestDaemon): Promise<void> {
  await withPeers(daemon, async (peers) => {
    builds(peers, join(daemon.directory, 'peers-context'));
    await transfers(peers, daemon.directory);
  });
}

async function withPeers(daemon: TestDaemon, body: (peers: readonly Peer[]) => Promise<void> | void): Promise<void> {
  if (!existsSync(join(STOCK_ENGINES, VERSION))) {
    console.log(`no docker.io to compare with: node scripts/setup.mjs --for-tests fetches it to ${STOCK_ENGINES}`);
    return;
  }
  await withStockEngine(VERSION, async (engine) => {
    await importBusybox(engine.socket);
    const clean = { ...process.env, DOCKER_CONFIG: pluginConfig(daemon.directory) };
    await body([
      { name: 'Wharf', env: { ...clean, DOCKER_HOST: daemon.host }, inNetwork: [], memoryMib: () => pssMib(daemon) },
      {
        name: `docker.io ${VERSION}`,
        env: { ...clean, DOCKER_HOST: engine.host },
        inNetwork: engine.inNetwork,
        memoryMib: () => memoryOf(engine),
      },
    ]);
  });
}

function dockerOf({ env }: Peer): Docker {
  return (...args) => timed('docker', args, env);
}

/** The same of each peer, in turn. */
function inTurn(
  what: string,
  peers: readonly Peer[],
  rounds: number,
  work: (docker: Docker, peer: Peer) => number,
): void {
  compare(
    what,
    'ms',
    medians(rounds, Object.fromEntries(peers.map((peer) => [peer.name, () => work(dockerOf(peer), peer)]))),
  );
}

/** Of each peer once, one after the other. */
function singly(
  what: string,
  unit: string,
  peers: readonly Peer[],
  work: (docker: Docker, peer: Peer) => number,
): void {
  compare(what, unit, Object.fromEntries(peers.map((peer) => [peer.name, work(dockerOf(peer), peer)])));
}

function commands(peers: readonly Peer[]): void {
  for (const peer of peers) dockerOf(peer)('run', '-d', '--name', 'target', 'busybox', 'sleep', '1000');
  inTurn('`run --rm busybox true`', peers, 10, (docker) => docker('run', '--rm', 'busybox', 'true'));
  inTurn('`exec true`', peers, 10, (docker) => docker('exec', 'target', 'true'));
  for (const peer of peers) dockerOf(peer)('rm', '-f', 'target');
}

function many(peers: readonly Peer[]): void {
  const names = Array.from({ length: IDLE }, (_, i) => `idle-${i}`);
  singly(`start of ${IDLE} containers one after the other`, 'ms', peers, (docker) =>
    names.reduce((sum, name) => sum + docker('run', '-d', '--name', name, 'busybox', 'sleep', '1000'), 0),
  );
  singly(`memory with ${IDLE} idle containers`, 'MiB PSS', peers, (_, peer) => peer.memoryMib());
  const others = Array.from({ length: MANY - IDLE }, (_, i) => `created-${i}`);
  for (const peer of peers) for (const name of others) dockerOf(peer)('create', '--name', name, 'busybox', 'true');
  inTurn(`\`ps -a\` of ${MANY} containers`, peers, 10, (docker) => docker('ps', '-a'));
  singly(`\`rm -f\` of the ${IDLE}`, 'ms', peers, (docker) => docker('rm', '-f', ...names));
  for (const peer of peers) dockerOf(peer)('rm', ...others);
}

function builds(peers: readonly Peer[], context: string): void {
  for (let i = 0; i < FILES; i++) {
    const directory = join(context, `d${Math.trunc(i / 100)}`);
    if (i % 100 === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${i}`), Buffer.alloc(200, String(i)));
  }
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY . /app\n');
  const build = (docker: Docker, ...args: string[]) => docker('build', '-q', '-t', 'bench/many', ...args, context);
  singly(`first build of ${FILES} files`, 'ms', peers, (docker) => build(docker));
  inTurn(`build of ${FILES} files with nothing to do`, peers, 3, (docker) => build(docker));
  writeFileSync(join(context, 'Dockerfile.run'), `FROM busybox\n${'RUN true\n'.repeat(5)}`);
  const file = join(context, 'Dockerfile.run');
  inTurn('build of 5 times `RUN true`', peers, 3, (docker) => build(docker, '--no-cache', '-f', file));
}

/** Push and pull of an image with the files above, at a registry in each engine's own network. */
async function transfers(peers: readonly Peer[], directory: string): Promise<void> {
  const push: Record<string, number> = {};
  const pull: Record<string, number> = {};
  for (const [i, peer] of peers.entries()) {
    const registry = await startRegistry(join(directory, `peers-registry-${i}`), peer.inNetwork);
    try {
      const docker = dockerOf(peer);
      const name = `${registry.host}/bench/many:1`;
      docker('tag', 'bench/many', name);
      push[peer.name] = docker('push', '-q', name);
      docker('rmi', '-f', name, 'bench/many');
      docker('builder', 'prune', '-af');
      pull[peer.name] = docker('pull', '-q', name);
    } finally {
      await registry.stop();
    }
  }
  compare('push of an image', 'ms', push);
  compare('pull of it', 'ms', pull);
}

/** A configuration of the CLI's own, with buildx. */
function pluginConfig(directory: string): string {
  const plugins = join(directory, 'peers-docker', 'cli-plugins');
  mkdirSync(plugins, { recursive: true });
  const buildx = join(plugins, 'docker-buildx');
  if (!existsSync(buildx)) symlinkSync(join(CLI_PLUGINS, 'docker-buildx'), buildx);
  return join(directory, 'peers-docker');
}

/** dockerd and all that it has started, but for containers, which have process namespaces of their own. */
function memoryOf({ inNetwork }: StockEngine): number {
  const dockerd = /\/proc\/(\d+)\//.exec(inNetwork.join(' '))?.[1] ?? '';
  const own = namespaceOf(dockerd);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && namespaceOf(name) === own);
  return pids.reduce((sum, pid) => sum + pssOf(pid), 0) / 1024;
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // it has ended
  }
}
