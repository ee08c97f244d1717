import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI_PLUGINS } from '../scripts/lib/cli-plugins.mjs';
import { STOCK_ENGINES, STOCK_PODMAN } from '../scripts/lib/stock-engine.mjs';
import { busyboxTar } from '../test/e2e/support/busybox.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import type { IsolatedServer } from '../test/e2e/support/isolated-server.ts';
import { withStockEngine } from '../test/e2e/support/stock-engine.ts';
import { PODMAN_REGISTRY, withPodman } from './podman.ts';
import { treeOf } from './compose.ts';
import { LINES, SCRIPT } from './logs.ts';
import { pssMib, pssOf } from './processes.ts';
import { type Registry, startRegistry } from './registry.ts';
import { compare } from './report.ts';
import { medians, timed } from './support.ts';

const VERSION = '26.1';
const IDLE = 50;
const MANY = 100;
const SERVICES = 20;
/** What takes longer hangs. */
const MOST_MS = 60_000;
const FILES = 5_000;
const ANY_PORT = '127.0.0.1:0';

/** An engine, to be driven by the docker CLI. */
interface Peer {
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  /** What to put before a command so that it runs in the engine's network. */
  readonly inNetwork: readonly string[];
  /** Address for a registry that it takes to be without encryption. */
  readonly registry: string;
  /** Of all its processes, without those of containers. */
  readonly memoryMib: () => number;
}

type Docker = (...args: string[]) => number;

/** Wharf beside Debian's docker.io and podman, where they are at hand: the same docker CLI, the same work, in turn. */
export async function benchPeers(daemon: TestDaemon): Promise<void> {
  await withPeers(daemon, (peers) => {
    commands(peers);
    many(peers);
    composed(peers, join(daemon.directory, 'peers-compose'));
    lines(peers);
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
  const clean = { ...process.env, DOCKER_CONFIG: pluginConfig(daemon.directory) };
  const wharf: Peer = {
    name: 'Wharf',
    env: { ...clean, DOCKER_HOST: daemon.host },
    inNetwork: [],
    registry: ANY_PORT,
    memoryMib: () => pssMib(daemon),
  };
  const others: Others[] = [];
  if (existsSync(join(STOCK_ENGINES, VERSION))) {
    others.push((use) => withStockEngine(VERSION, (engine) => use(peerOf(`docker.io ${VERSION}`, engine, clean))));
  }
  if (existsSync(STOCK_PODMAN)) {
    // Its interface has no BuildKit.
    const old = { ...clean, DOCKER_BUILDKIT: '0' };
    others.push((use) =>
      withPodman((podman) => use({ ...peerOf('podman 4.3', podman, old), registry: PODMAN_REGISTRY })),
    );
  }
  if (others.length === 0)
    console.log(`nothing to compare with: node scripts/setup.mjs --for-tests fetches it to ${STOCK_ENGINES}`);
  else await withAll(others, [wharf], body);
}

type Others = (use: (peer: Peer) => Promise<void>) => Promise<void>;

/** All of them at once, each around the next. */
async function withAll(
  [first, ...rest]: readonly Others[],
  peers: readonly Peer[],
  body: (peers: readonly Peer[]) => Promise<void> | void,
): Promise<void> {
  if (first === undefined) return body(peers);
  await first(async (peer) => {
    const input = await busyboxTar();
    execFileSync('docker', ['import', '-c', 'CMD ["sh"]', '-', 'busybox'], {
      env: peer.env,
      input,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    await withAll(rest, [...peers, peer], body);
  });
}

function peerOf(
  name: string,
  engine: Pick<IsolatedServer, 'inNetwork'> & { readonly host: string },
  env: NodeJS.ProcessEnv,
): Peer {
  const { host, inNetwork } = engine;
  return { name, env: { ...env, DOCKER_HOST: host }, inNetwork, registry: ANY_PORT, memoryMib: () => memoryOf(engine) };
}

function dockerOf({ env }: Peer): Docker {
  return (...args) => timed('docker', args, env, MOST_MS);
}

type Work = (docker: Docker, peer: Peer) => number;

/** Peers that hung or failed: they are asked no more. Wharf's failures are ours. */
const out = new Set<string>();

/** Each peer's own time; none of one that hangs or fails, which is said. */
function guarded(what: string, peers: readonly Peer[], work: Work): Record<string, () => number> {
  const guard = (peer: Peer) => (): number => {
    if (out.has(peer.name)) return Number.NaN;
    try {
      return work(dockerOf(peer), peer);
    } catch (e) {
      if (peer.name === 'Wharf') throw e;
      out.add(peer.name);
      console.log(`${what}: ${peer.name} is out: ${e instanceof Error ? e.message.slice(0, 200) : String(e)}`);
      return Number.NaN;
    }
  };
  return Object.fromEntries(peers.map((peer) => [peer.name, guard(peer)]));
}

/** The same of each peer, in turn. */
function inTurn(what: string, peers: readonly Peer[], rounds: number, work: Work): void {
  compare(what, 'ms', medians(rounds, guarded(what, peers, work)));
}

/** Of each peer once, one after the other. */
function singly(what: string, unit: string, peers: readonly Peer[], work: Work): void {
  compare(what, unit, once(what, peers, work));
}

/** What a workload needs, or leaves. */
function prepare(what: string, peers: readonly Peer[], work: (docker: Docker) => void): void {
  once(what, peers, (docker) => {
    work(docker);
    return 0;
  });
}

function once(what: string, peers: readonly Peer[], work: Work): Record<string, number> {
  return Object.fromEntries(Object.entries(guarded(what, peers, work)).map(([name, measure]) => [name, measure()]));
}

function commands(peers: readonly Peer[]): void {
  singly('memory with no container', 'MiB PSS', peers, (_, peer) => peer.memoryMib());
  prepare('a container', peers, (docker) => docker('run', '-d', '--name', 'target', 'busybox', 'sleep', '1000'));
  inTurn('`run --rm busybox true`', peers, 7, (docker) => docker('run', '--rm', 'busybox', 'true'));
  inTurn('`exec true`', peers, 7, (docker) => docker('exec', 'target', 'true'));
  prepare('its removal', peers, (docker) => docker('rm', '-f', 'target'));
}

function many(peers: readonly Peer[]): void {
  const names = Array.from({ length: IDLE }, (_, i) => `idle-${i}`);
  singly(`start of ${IDLE} containers one after the other`, 'ms', peers, (docker) =>
    names.reduce((sum, name) => sum + docker('run', '-d', '--name', name, 'busybox', 'sleep', '1000'), 0),
  );
  singly(`memory with ${IDLE} idle containers`, 'MiB PSS', peers, (_, peer) => peer.memoryMib());
  const others = Array.from({ length: MANY - IDLE }, (_, i) => `created-${i}`);
  prepare(`${others.length} more`, peers, (docker) => {
    for (const name of others) docker('create', '--name', name, 'busybox', 'true');
  });
  inTurn(`\`ps -a\` of ${MANY} containers`, peers, 7, (docker) => docker('ps', '-a'));
  singly(`\`rm -f\` of the ${IDLE}`, 'ms', peers, (docker) => docker('rm', '-f', ...names));
  prepare('removal of the others', peers, (docker) => docker('rm', ...others));
}

/** `docker compose` of 20 services, each of which needs another. */
function composed(peers: readonly Peer[], directory: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'compose.yaml'), treeOf(SERVICES));
  const compose = (docker: Docker, ...args: string[]) => docker('compose', '--project-directory', directory, ...args);
  const up = `\`compose up -d\` of ${SERVICES} services`;
  singly(up, 'ms', peers, (docker) => compose(docker, 'up', '-d'));
  inTurn(`${up} with nothing to do`, peers, 2, (docker) => compose(docker, 'up', '-d'));
  singly(`\`compose down -t 0\` of ${SERVICES} services`, 'ms', peers, (docker) => compose(docker, 'down', '-t', '0'));
}

function lines(peers: readonly Peer[]): void {
  singly(`${LINES} log lines of a detached container`, 'ms', peers, (docker) => {
    const ms = docker('run', '-d', '--name', 'lines', 'busybox', 'sh', '-c', SCRIPT) + docker('wait', 'lines');
    docker('rm', 'lines');
    return ms;
  });
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
  const registries = new Map<string, Registry>();
  try {
    for (const [i, peer] of peers.entries())
      registries.set(peer.name, await startRegistry(join(directory, `peers-registry-${i}`), peer));
    const imageOf = (peer: Peer): string => `${registries.get(peer.name)?.host}/bench/many:1`;
    singly('push of an image', 'ms', peers, (docker, peer) => {
      docker('tag', 'bench/many', imageOf(peer));
      return docker('push', '-q', imageOf(peer));
    });
    singly('pull of it', 'ms', peers, (docker, peer) => {
      docker('rmi', '-f', imageOf(peer), 'bench/many');
      // podman's interface knows nothing of it, and keeps nothing else.
      if (peer.registry === ANY_PORT) docker('builder', 'prune', '-af');
      return docker('pull', '-q', imageOf(peer));
    });
  } finally {
    for (const registry of registries.values()) await registry.stop();
  }
}

/** A configuration of the CLI's own, with buildx and Compose. */
function pluginConfig(directory: string): string {
  const plugins = join(directory, 'peers-docker', 'cli-plugins');
  mkdirSync(plugins, { recursive: true });
  for (const name of ['docker-buildx', 'docker-compose']) {
    const plugin = join(plugins, name);
    if (!existsSync(plugin)) symlinkSync(join(CLI_PLUGINS, name), plugin);
  }
  return join(directory, 'peers-docker');
}

/** The server and all that it has started, but for containers, which have process namespaces of their own. */
function memoryOf({ inNetwork }: Pick<IsolatedServer, 'inNetwork'>): number {
  const server = /\/proc\/(\d+)\//.exec(inNetwork.join(' '))?.[1] ?? '';
  const own = namespaceOf(server);
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
