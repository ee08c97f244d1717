import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { assertAlike, type Builder, builderAt } from './build-compare/builder.ts';
import { type BuildCase, contextOf } from './build-compare/case.ts';
import { configCases } from './build-compare/config-cases.ts';
import { copyCases } from './build-compare/copy-cases.ts';
import { runCases } from './build-compare/run-cases.ts';
import { shapeCases } from './build-compare/shape-cases.ts';
import { stageCases } from './build-compare/stage-cases.ts';
import { withStockEngine } from '../e2e/support/stock-engine.ts';

const CASES: readonly BuildCase[] = [...copyCases, ...configCases, ...runCases, ...stageCases, ...shapeCases];

test('images are what BuildKit makes of the same Dockerfiles', { timeout: 600_000, concurrency: 3 }, async (t) => {
  await withStockEngine('26.1', async (stock) => {
    await withDaemon(async (daemon) => {
      const reading = { since: Math.trunc(Date.now() / 1000), layers: new Map() };
      for (const socket of [stock.socket, daemon.socket]) await importBusybox(socket);
      const theirs = builderAt(stock.host, stock.directory, reading);
      const ours = builderAt(daemon.host, daemon.directory, reading);
      const compare = async (one: BuildCase, name: string) => {
        using context = contextOf(one);
        const image = async (builder: Builder) => {
          await builder.build(name, context.path, one.args ?? []);
          return builder.image(name);
        };
        const [expected, actual] = await Promise.all([image(theirs), image(ours)]);
        assertAlike(actual, expected);
      };
      await Promise.all(CASES.map((one, index) => t.test(one.name, () => compare(one, `compared${index}`))));
    });
  });
});
