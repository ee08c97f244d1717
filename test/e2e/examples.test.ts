import assert from 'node:assert/strict';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { api } from './support/http.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { type Outcome, run } from './support/run.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The base images of this machine's cache, made by the documented command. */
async function baseImages(daemon: TestDaemon, ...names: string[]): Promise<void> {
  const made = await run(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(repository, 'scripts/base-images.ts'),
      '--host',
      daemon.host,
      ...names,
    ],
    { env: daemon.env, timeoutMs: 280_000 },
  );
  assert.equal(made.code, 0, made.stdout + made.stderr);
}

function compose(
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

test('the shop: a counter in MariaDB rises, and survives down and up', { timeout: 600_000 }, async () => {
  await withDaemon(async (daemon) => {
    await baseImages(daemon, 'debian:bookworm');
    const port = await freePort();
    const shop = compose(daemon, 'shop', { SHOP_PORT: String(port) });
    await shop('up', '-d', '--build', '--wait');
    assert.equal(await visits(port), 1);
    assert.equal(await visits(port), 2);

    const again = await shop('up', '-d');
    assert.doesNotMatch(again.stderr, /Recreat|Creat|Start(ed|ing)/, 'a second up has nothing to do');
    assert.match((await shop('ps')).stdout, /shop-db-1.*\(healthy\)/);
    assert.match((await shop('exec', '-T', 'app', 'id', '-un')).stdout, /^shop$/m);
    assert.match((await shop('logs', 'web')).stdout, /GET \/ HTTP/);

    await shop('down');
    assert.deepEqual(await leftOf(daemon, 'shop'), { containers: 0, networks: 0, volumes: 1 });
    await shop('up', '-d', '--wait');
    assert.equal(await visits(port), 3);
    await shop('down', '-v', '--rmi', 'local');
    assert.deepEqual(await leftOf(daemon, 'shop'), { containers: 0, networks: 0, volumes: 0 });
  });
});

test('two major versions of one database side by side, asked by a real client', { timeout: 600_000 }, async () => {
  await withDaemon(async (daemon) => {
    await baseImages(daemon, 'debian:bookworm', 'debian:trixie');
    const databases = compose(daemon, 'two-databases');
    await databases('up', '-d', '--build', '--wait');
    const ask = (port: string, password: string, sql: string) =>
      run('mariadb', ['-h', '127.0.0.1', '-P', port, '-u', 'root', `-p${password}`, '-N', '-B', '-e', sql]);
    const [ten, eleven] = await Promise.all([
      ask('3307', 'first-secret', 'select version(); show databases'),
      ask('3308', 'second-secret', 'select version(); show databases'),
    ]);
    assert.match(ten.stdout, /^10\.11\./, ten.stderr);
    assert.match(ten.stdout, /^first$/m);
    assert.match(eleven.stdout, /^11\.8\./, eleven.stderr);
    assert.match(eleven.stdout, /^second$/m);
    await databases('down', '--volume');
    assert.deepEqual(await leftOf(daemon, 'two-databases'), { containers: 0, networks: 0, volumes: 0 });
  });
});

async function leftOf(
  daemon: TestDaemon,
  project: string,
): Promise<{ containers: number; networks: number; volumes: number }> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${project}`] }));
  const containers = (await api(daemon.socket, 'GET', `/containers/json?all=1&filters=${filters}`)) as unknown[];
  const networks = (await api(daemon.socket, 'GET', `/networks?filters=${filters}`)) as unknown[];
  const volumes = (await api(daemon.socket, 'GET', `/volumes?filters=${filters}`)) as { Volumes: unknown[] | null };
  return { containers: containers.length, networks: networks.length, volumes: volumes.Volumes?.length ?? 0 };
}

function visits(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/', agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => {
        const count = /id="visits">(\d+)</.exec(text)?.[1];
        if (count === undefined) reject(new Error(`HTTP ${res.statusCode}: ${text}`));
        else resolve(Number(count));
      });
      res.on('error', reject);
    }).once('error', reject);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
