import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLI_PLUGINS } from '../../scripts/lib/cli-plugins.mjs';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { type BuildCase, contextOf } from './build-compare/case.ts';
import { configCases } from './build-compare/config-cases.ts';
import { copyCases } from './build-compare/copy-cases.ts';
import { type ComparableImage, imageOf } from './build-compare/image.ts';
import { runCases } from './build-compare/run-cases.ts';
import { shapeCases } from './build-compare/shape-cases.ts';
import { stageCases } from './build-compare/stage-cases.ts';
import { withStockEngine } from '../e2e/support/stock-engine.ts';

const CASES: readonly BuildCase[] = [...copyCases, ...configCases, ...runCases, ...stageCases, ...shapeCases];

/** `docker build` (with buildx) of a case against one engine. */
function builderAt(host: string, directory: string) {
  const config = join(directory, 'docker-config');
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [CLI_PLUGINS] }));
  const { DOCKER_BUILDKIT: _, ...rest } = process.env;
  const env = { ...rest, DOCKER_HOST: host, DOCKER_CONFIG: config, BUILDKIT_PROGRESS: 'plain' };
  let number = 0;
  return async (one: BuildCase, context: string): Promise<ComparableImage> => {
    const name = `compared${++number}`;
    const args = ['build', '--provenance=false', '-t', name, ...(one.args ?? []), '.'];
    const built = await run('docker', args, { env, cwd: context });
    assert.equal(built.code, 0, `${host}\n${built.stderr}`);
    const file = join(directory, `${name}.tar`);
    const saved = await run('docker', ['save', '-o', file, name], { env });
    assert.equal(saved.code, 0, saved.stderr);
    const image = await imageOf(readFileSync(file));
    rmSync(file);
    return image;
  };
}

test('images are what BuildKit makes of the same Dockerfiles', { timeout: 600_000, concurrency: 3 }, async (t) => {
  await withStockEngine('26.1', async (stock) => {
    await withDaemon(async (daemon) => {
      for (const socket of [stock.socket, daemon.socket]) await importBusybox(socket);
      const theirs = builderAt(stock.host, stock.directory);
      const ours = builderAt(daemon.host, daemon.directory);
      const compare = async (one: BuildCase) => {
        using context = contextOf(one);
        const [expected, actual] = await Promise.all([theirs(one, context.path), ours(one, context.path)]);
        assert.deepEqual(actual, expected);
      };
      await Promise.all(CASES.map((one) => t.test(one.name, () => compare(one))));
    });
  });
});
