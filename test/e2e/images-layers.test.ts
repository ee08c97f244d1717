import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageDifference, ImageLayerReport } from '../../src/core/wire/image-layers.ts';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

test('layers are counted, waste is found, and two images are compared', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = async (...args: string[]) => {
      const outcome = await run(wharfPath, args, { env: daemon.env });
      assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr}`);
      return outcome.stdout;
    };
    const step = async (from: string, to: string, script: string) => {
      await wharf('run', '--name', 'step', from, 'sh', '-c', script);
      await wharf('commit', 'step', to);
      await wharf('rm', 'step');
    };
    await step('busybox', 'two', 'head -c 3000000 /dev/zero > /big; mkdir /etc/x; echo 1 > /etc/x/a; rm /bin/ls');
    await step('two', 'three', 'rm /big; echo 2 > /etc/x/a; echo 3 > /etc/x/b');
    const layers = JSON.parse(await wharf('image', 'layers', '--json', 'three')) as ImageLayerReport[];
    const [, second, third] = layers;
    assert.equal(layers.length, 3);
    assert.equal(second?.Wasted, 3_000_002);
    assert.equal(second?.Deleted, 1);
    assert.equal(third?.Deleted, 1);
    assert.equal(third?.Wasted, 0);
    const shown = await wharf('image', 'layers', 'three');
    assert.match(shown, /3 layers, .* 3MB wasted/);
    const differences = JSON.parse(await wharf('image', 'diff', '--json', 'two', 'three')) as ImageDifference[];
    assert.deepEqual(
      differences.filter(({ Path }) => Path !== '/etc/x' && Path !== '/etc' && Path !== '/'),
      [
        { Path: '/big', Kind: 'deleted', Size: -3_000_000 },
        { Path: '/etc/x/a', Kind: 'changed', Size: 0 },
        { Path: '/etc/x/b', Kind: 'added', Size: 2 },
      ],
    );
    assert.equal(await wharf('image', 'diff', 'two', 'two'), '');
  });
});
