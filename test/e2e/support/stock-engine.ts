import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STOCK_ENGINES } from '../../../scripts/lib/stock-engine.mjs';
import { removeCgroups, withIsolatedServer } from './isolated-server.ts';

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
  const env = {
    ...process.env,
    PATH: `${join(programs, 'bin')}:${process.env['PATH'] ?? ''}`,
    LD_LIBRARY_PATH: join(programs, 'lib'),
  };
  try {
    await withIsolatedServer(['exec "$@"', ...dockerd], env, 'API listen on', (server) =>
      body({
        socket,
        host: `unix://${socket}`,
        directory,
        inNetwork: server.inNetwork,
        get log() {
          return server.log;
        },
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await removeCgroups(cgroup);
  }
}
