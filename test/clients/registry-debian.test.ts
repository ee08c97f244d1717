import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withRegistry } from '../e2e/registry-lab.ts';
import { withReference } from './support/reference-registry.ts';

test('push to and pull from the reference registry; blobs are mounted; our cache stands before it', {
  timeout: 120_000,
}, async () => {
  await withReference(async (host) => {
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const wharf = async (...args: string[]) => {
        const outcome = await run(wharfPath, args, { env: daemon.env });
        assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr}`);
        return outcome.stdout;
      };
      await wharf('tag', 'busybox', `${host}/one/app:1`);
      const digest = /digest: (sha256:\w+)/.exec(await wharf('push', `${host}/one/app:1`))?.[1];
      await wharf('tag', 'busybox', `${host}/two/app:1`);
      assert.match(await wharf('push', `${host}/two/app:1`), /Mounted from one\/app/);
      await wharf('rmi', `${host}/one/app:1`, `${host}/two/app:1`, 'busybox');
      assert.match(await wharf('pull', `${host}/one/app:1`), new RegExp(`Digest: ${digest}`));
      assert.match(await wharf('manifest', 'inspect', `${host}/one/app:1`), /"schemaVersion": 2/);
      const absent = await run(wharfPath, ['pull', `${host}/one/none:1`], { env: daemon.env });
      assert.match(absent.stderr, /manifest for .* not found|pull access denied/);
      await withRegistry(
        async (cache) => {
          assert.match(await wharf('pull', `${cache.host}/one/app:1`), new RegExp(`Digest: ${digest}`));
        },
        { proxy: `http://${host}` },
      );
    });
  });
});
