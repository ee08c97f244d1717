import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

interface Usage {
  readonly LayersSize: number;
  readonly Images: readonly { readonly Size: number; readonly SharedSize: number }[];
  readonly Containers: readonly { readonly SizeRw: number }[];
  readonly Volumes: readonly { readonly UsageData: { readonly Size: number } }[];
  readonly BuildCache: readonly { readonly Size: number; readonly Shared: boolean }[];
}

test('system df adds up to what du says; prune leaves nothing in the data root', { timeout: 180_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    await fill(daemon);
    const usage = (await api(daemon.socket, 'GET', '/system/df')) as Usage;
    const parts = [
      usage.LayersSize,
      ...usage.Containers.map((c) => c.SizeRw),
      ...usage.Volumes.map((v) => v.UsageData.Size),
      ...usage.BuildCache.filter((c) => !c.Shared).map((c) => c.Size),
    ];
    const said = parts.reduce((a, b) => a + b, 0);
    // The database, and the room that is kept for it, are nobody's: some megabytes, however much is stored.
    // What containers with mapped users see of layers and snapshots is mounted there once more.
    const own = ['--exclude=wharf.db*', '--exclude=reserve', `--exclude=${daemon.dataRoot}/mapped`];
    const is = Number(execFileSync('du', ['-sxB1', ...own, daemon.dataRoot], { encoding: 'utf8' }).split('\t')[0]);
    assert.ok(Math.abs(said - is) <= 0.02 * is, `df says ${said} (${parts.join(' + ')}), du ${is}`);
    // What images have for themselves and, once, what they share are all layers.
    const unique = usage.Images.reduce((sum, { Size, SharedSize }) => sum + Size - SharedSize, 0);
    const shared = Math.max(...usage.Images.map(({ SharedSize }) => SharedSize));
    assert.equal(unique + shared, usage.LayersSize);

    const wharf = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(wharfPath, args, { env: daemon.env });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const before = await wharf('system', 'df', '-v');
    assert.match(before, /Images space usage:[\s\S]*one[\s\S]*Build cache usage/);
    await wharf('rm', '-f', 'writer');
    await wharf('system', 'prune', '-af', '--volumes');
    await wharf('volume', 'prune', '-af');
    // What builds of the past said is no cache; it is forgotten with them.
    const builds = (await api(daemon.socket, 'GET', '/build/history')) as { readonly id: string }[];
    await wharf('builder', 'rm', ...builds.map(({ id }) => id));
    assert.deepEqual(remains(daemon.dataRoot), []);
  });
});

/** Images that share layers, a cache that has more than they, containers that wrote much, volumes. */
async function fill(daemon: TestDaemon): Promise<void> {
  const context = join(daemon.directory, 'context');
  mkdirSync(join(context, 'small'), { recursive: true });
  for (let i = 0; i < 500; i++) writeFileSync(join(context, 'small', `file-${i}`), 'x'.repeat(i));
  const common = ['FROM busybox', 'COPY small /small', 'RUN dd if=/dev/urandom of=/big bs=1M count=20'];
  const build = async (tag: string, ...more: string[]) => {
    writeFileSync(join(context, 'Dockerfile'), [...common, ...more, ''].join('\n'));
    const { code, stderr } = await run(wharfPath, ['build', '-q', '-t', tag, context], { env: daemon.env });
    assert.equal(code, 0, stderr);
  };
  await build('one', 'RUN dd if=/dev/urandom of=/one bs=1M count=10');
  await build('two', 'RUN dd if=/dev/urandom of=/two bs=1M count=5', 'RUN truncate -s 1G /holes');
  // Only the cache has this one's layers when its name has gone on.
  await build('three', 'RUN dd if=/dev/urandom of=/three bs=1M count=8');
  await build('three', 'RUN dd if=/dev/urandom of=/other bs=1M count=3');
  const script =
    'dd if=/dev/urandom of=/written bs=1M count=15; dd if=/dev/urandom of=/data/volume bs=1M count=7; seq 50000';
  const args = ['run', '--name', 'writer', '-v', 'data:/data', 'two', 'sh', '-c', script];
  const { code, stderr } = await run(wharfPath, args, { env: daemon.env });
  assert.equal(code, 0, stderr);
  execFileSync('sync', ['-f', daemon.dataRoot]);
}

/** What is in a data root that holds nothing: all but its own directories, the lowest layer and the database. */
function remains(dataRoot: string): string[] {
  // `mapped` is the same once more.
  const own = /^(mapped\/.*|layers\/init(\/.*)?|wharf\.db.*|[^/]+|build\/(known-files|tmp|logs)|blobs\/sha256(\/..)?)$/;
  return readdirSync(dataRoot, { recursive: true, encoding: 'utf8' }).filter((path) => !own.test(path));
}
