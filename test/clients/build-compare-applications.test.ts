// Applications as tutorials have them, on real base images, with real packages: the images are what Docker makes of the same
// Dockerfiles, and what is in them works.
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { messageOf } from '../../src/core/errors.ts';
import { type TestDaemon, withDaemon } from '../e2e/support/daemon.ts';
import { baseImages } from '../e2e/support/examples.ts';
import { run } from '../e2e/support/run.ts';
import { type StockEngine, withStockEngine } from '../e2e/support/stock-engine.ts';
import { type Application, applications, spring, untilRight } from './build-compare/applications.ts';
import { assertAlike, type Builder, builderAt } from './build-compare/builder.ts';
import { contentOf } from './build-compare/build-time.ts';
import { NPM_REGISTRY, packageProxy, PIP_HOST, PIP_INDEX } from './support/package-proxy.ts';
import { listenAt, listenWithin } from './support/package-relay.ts';

const JAR = 'hello-0.0.1-SNAPSHOT.jar';
const BASES = ['debian:bookworm', 'nginx', 'node:24', 'openjdk:17', 'python:3.11'];

test('applications are built as Docker builds them, and run', { timeout: 900_000 }, async (t) => {
  await withStockEngine('26.1', async (stock) => {
    await withDaemon(async (daemon) => {
      await baseImages(daemon, ...BASES);
      await copyImages(daemon, stock);
      await using packages = await servePackages(daemon, stock);
      const reading = { since: Math.trunc(Date.now() / 1000), contentOf, layers: new Map() };
      const ours = builderAt(daemon.host, daemon.directory, reading);
      const theirs = builderAt(stock.host, stock.directory, reading);
      const compare = async ({ name, context, args = [] }: Application) => {
        const image = async (builder: Builder) => {
          await builder.build(name, context, [...packages.args, ...args]);
          return builder.image(name);
        };
        const [actual, expected] = await Promise.all([image(ours), image(theirs)]);
        assertAlike(actual, expected);
      };
      for (const application of applications) {
        await t.test(application.name, async () => {
          await compare(application);
          await works(daemon, application);
        });
      }
      await t.test(spring.name, async () => {
        const context = join(daemon.directory, 'spring');
        cpSync(spring.context, context, { recursive: true, filter: (path) => !path.endsWith('/target') });
        const jar = async (builder: Builder, target: string) => {
          await builder.build('jar', context, [...packages.args, '-f', 'package.Dockerfile', '-o', target]);
          return readFileSync(join(target, JAR));
        };
        const folders = [daemon, stock].map(({ directory }) => join(directory, 'jar')) as [string, string];
        const [actual, expected] = await Promise.all([jar(ours, folders[0]), jar(theirs, folders[1])]);
        assert.ok(actual.equals(expected), 'the jars differ');
        cpSync(folders[0], join(context, 'target'), { recursive: true });
        await compare({ ...spring, context });
        await works(daemon, spring);
      });
    });
  });
});

/** The very same base images for both. */
async function copyImages(daemon: TestDaemon, stock: StockEngine): Promise<void> {
  const pipe = 'docker -H "$0" save "$@" | docker -H "$STOCK" load';
  const env = { ...process.env, STOCK: stock.host };
  const copied = await run('bash', ['-euo', 'pipefail', '-c', pipe, daemon.host, ...BASES], {
    env,
    timeoutMs: 280_000,
  });
  assert.equal(copied.code, 0, copied.stderr);
}

/** What `docker build` needs to know so that both get their packages from one proxy. */
async function servePackages(daemon: TestDaemon, stock: StockEngine) {
  const proxy = packageProxy();
  const bridge = ['network', 'inspect', 'bridge', '-f', '{{(index .IPAM.Config 0).Gateway}}'];
  const gateway = (await run('docker', bridge, { env: daemon.env })).stdout.trim();
  await using undo = new AsyncDisposableStack();
  const near = proxy();
  undo.defer(() => void near.close());
  const port = await listenAt(near, gateway);
  undo.use(await listenWithin(stock.inNetwork, proxy(), join(stock.directory, 'packages.sock'), port));
  const kept = undo.move();
  return {
    args: [
      '--add-host=packages:host-gateway',
      ...Object.entries({
        http_proxy: `http://packages:${port}`,
        NPM_CONFIG_REGISTRY: NPM_REGISTRY,
        PIP_INDEX_URL: PIP_INDEX,
        PIP_TRUSTED_HOST: PIP_HOST,
      }).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Runs the image in our engine and asks it over a published port. */
async function works(daemon: TestDaemon, { name, port, runArgs = [], check }: Application): Promise<void> {
  const docker = async (...args: string[]) => {
    const outcome = await run('docker', args, { env: daemon.env });
    assert.equal(outcome.code, 0, outcome.stderr);
    return outcome.stdout.trim();
  };
  await docker('run', '-d', '--name', name, '-p', `127.0.0.1::${port}`, ...runArgs, name);
  try {
    const published = Number((await docker('port', name, String(port))).split(':').at(-1));
    await untilRight(() => check(published));
  } catch (e) {
    const { stdout, stderr } = await run('docker', ['logs', name], { env: daemon.env });
    throw new Error(`${messageOf(e)}\nIts log:\n${stdout}${stderr}`, { cause: e });
  } finally {
    await docker('rm', '-f', '-v', name);
  }
}
