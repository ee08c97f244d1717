import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

test('skopeo: reads what save wrote, in both layouts; load reads what skopeo wrote', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = (...args: string[]) => run(wharfPath, args, { env: daemon.env });
    const work = join(daemon.directory, 'skopeo');
    mkdirSync(work);
    const archive = join(work, 'saved.tar');
    const saved = await wharf('save', '-o', archive, 'busybox');
    assert.equal(saved.code, 0, saved.stderr);

    const inspected = await run('skopeo', ['inspect', `docker-archive:${archive}`]);
    assert.equal(inspected.code, 0, inspected.stderr);
    assert.equal((JSON.parse(inspected.stdout) as { Os: string }).Os, 'linux');
    const copied = await run('skopeo', [
      'copy',
      `oci-archive:${archive}`,
      `docker-archive:${join(work, 'copy.tar')}:copied:1`,
    ]);
    assert.equal(copied.code, 0, copied.stderr);

    const loaded = await wharf('load', '-i', join(work, 'copy.tar'));
    assert.match(loaded.stdout, /Loaded image: copied:1/, loaded.stderr);
    assert.equal((await wharf('run', '--rm', 'copied:1', 'echo', 'from skopeo')).stdout, 'from skopeo\n');
  });
});
