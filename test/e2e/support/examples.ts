import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestDaemon } from './daemon.ts';
import { wharfPath } from './daemon.ts';
import { api } from './http.ts';
import { type Outcome, run } from './run.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** The base images of this machine's cache, made by the documented command. */
export async function baseImages(daemon: TestDaemon, ...names: string[]): Promise<void> {
  const script = join(repository, 'scripts/base-images.ts');
  const made = await run(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, '--host', daemon.host, ...names],
    { env: daemon.env, timeoutMs: 280_000 },
  );
  assert.equal(made.code, 0, made.stdout + made.stderr);
}

/** `wharf compose` in the folder of an example; every command is to succeed. */
export function compose(
  daemon: TestDaemon,
  example: string,
  env: NodeJS.ProcessEnv = {},
): (...args: string[]) => Promise<Outcome> {
  return async (...args) => {
    const cwd = join(repository, 'examples', example);
    const outcome = await run(wharfPath, ['compose', ...args], {
      env: { ...daemon.env, ...env },
      cwd,
      timeoutMs: 280_000,
    });
    assert.equal(outcome.code, 0, `compose ${args.join(' ')}:\n${outcome.stdout}${outcome.stderr}`);
    return outcome;
  };
}

/** How much of a project the engine still holds. */
export async function leftOf(
  daemon: TestDaemon,
  project: string,
): Promise<{ containers: number; networks: number; volumes: number }> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${project}`] }));
  const containers = (await api(daemon.socket, 'GET', `/containers/json?all=1&filters=${filters}`)) as unknown[];
  const networks = (await api(daemon.socket, 'GET', `/networks?filters=${filters}`)) as unknown[];
  const volumes = (await api(daemon.socket, 'GET', `/volumes?filters=${filters}`)) as { Volumes: unknown[] | null };
  return { containers: containers.length, networks: networks.length, volumes: volumes.Volumes?.length ?? 0 };
}

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address !== 'object') throw new Error('no port');
  return address.port;
}
