import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { TestDaemon, wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { folder } from '../e2e/support/folder.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';
import { withReference } from './support/reference-registry.ts';

/** A build stage with a large layer that nobody needs once the result is known. */
const FILES = {
  Dockerfile: [
    'FROM busybox AS build',
    'RUN head -c 3000000 /dev/urandom > /large; echo built > /small',
    'COPY f /f',
    'FROM busybox',
    'WORKDIR /app',
    'COPY --from=build /small /f /app/',
    'RUN cat /app/small | tee /app/seen',
    'LABEL a=b',
  ].join('\n'),
  f: 'f\n',
};
const LARGE = 1_000_000;

interface Machine {
  readonly daemon: TestDaemon;
  /** Builds FILES, or others, with our client or with Docker's; gives what was said. */
  wharf(cwd: string, ...args: string[]): Promise<string>;
  docker(cwd: string, ...args: string[]): Promise<string>;
  /** As if it had never built anything. */
  forget(): Promise<void>;
  diffIds(image: string): Promise<string>;
}

function machine(daemon: TestDaemon): Machine {
  const env = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
  const good = async (program: string, cwd: string, args: readonly string[]) => {
    const done = await run(program, args, { env, cwd, timeoutMs: 60_000 });
    assert.equal(done.code, 0, `${program} ${args.join(' ')}: ${done.stderr}`);
    return `${done.stdout}${done.stderr}`;
  };
  const wharf = (cwd: string, ...args: string[]) => good(wharfPath, cwd, args);
  return {
    daemon,
    wharf,
    docker: (cwd, ...args) => good('docker', cwd, args),
    async forget() {
      const images = (await wharf('/', 'images', '-a', '--format', '{{.ID}} {{.Repository}}')).split('\n');
      const others = images
        .filter((line) => line !== '' && !line.endsWith(' busybox'))
        .map((line) => line.split(' ')[0] ?? '');
      if (others.length > 0) await wharf('/', 'rmi', '-f', ...new Set(others));
      await wharf('/', 'builder', 'prune', '-af');
    },
    diffIds: (image) => wharf('/', 'inspect', '-f', '{{json .RootFS.Layers}}', image),
  };
}

/** Another machine: what is left of it the first one's check sees. */
async function withSecond({ directory }: TestDaemon, body: (daemon: TestDaemon) => Promise<void>): Promise<void> {
  const own = join(directory, 'second');
  mkdirSync(own);
  const daemon = new TestDaemon(own, ['--default-address-pool', 'base=10.217.0.0/16,size=24']);
  await daemon.start();
  try {
    await body(daemon);
  } finally {
    await daemon.stop();
  }
}

/** Steps that made files, by how they ended. */
function ended(said: string): { readonly cached: number; readonly made: number } {
  const ends = [...said.matchAll(/^#(\d+) (CACHED|DONE .*)$/gm)];
  const steps = [...said.matchAll(/^#(\d+) \[.*\d\/\d\] (?:RUN|COPY|WORKDIR)/gm)].map(([, n]) => n);
  const of = (what: string) => ends.filter(([, n, how]) => steps.includes(n) && how?.startsWith(what)).length;
  return { cached: of('CACHED'), made: of('DONE') };
}

const ALL = { cached: 5, made: 0 };

test('caches for other machines', { timeout: 600_000 }, async (t) => {
  await withReference(async (registry, directory) => {
    await withDaemon(async (first) => {
      await withSecond(first, async (second) => {
        const [a, b] = [machine(first), machine(second)];
        // Both have the same base.
        using base = folder();
        await importBusybox(first.socket);
        await a.wharf('/', 'save', '-o', base.at('tar'), 'busybox');
        await b.wharf('/', 'load', '-i', base.at('tar'));
        using files = folder(FILES);
        const bigBlobs = (root: string) =>
          readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => {
            const stat = statSync(join(root, name), { throwIfNoEntry: false });
            return stat?.isFile() === true && stat.size > LARGE && stat.size < 4 * LARGE;
          });
        /** Builds elsewhere with a cache: it is the same image, and what nobody needs was not fetched. */
        const same = async (said: string) => {
          assert.deepEqual(ended(said), ALL, said);
          assert.equal(await b.diffIds('app'), await a.diffIds('app'));
          assert.deepEqual(
            bigBlobs(join(second.dataRoot, 'layers')).filter((n) => n.endsWith('large')),
            [],
          );
          assert.equal(await b.wharf('/', 'run', '--rm', 'app', 'cat', '/app/seen', '/app/f'), 'built\nf\n');
        };

        for (const by of ['wharf', 'docker'] as const) {
          const build = (m: Machine, ...args: string[]) => m[by](files.path, 'build', '-t', 'app', ...args, '.');

          await t.test(`${by}: a local cache with every stage`, async () => {
            await b.forget();
            using cache = folder();
            const said = await build(a, '--cache-to', `type=local,dest=${cache.at('c')},mode=max`);
            assert.match(said, /exporting cache to client directory/);
            assert.equal(bigBlobs(cache.path).length, 1);
            const index = JSON.parse(readFileSync(cache.at('c/index.json'), 'utf8')) as { manifests: unknown[] };
            assert.equal(index.manifests.length, 1);
            await same(await build(b, '--cache-from', `type=local,src=${cache.at('c')}`));
          });

          await t.test(`${by}: mode=min has only what the result stands on`, async () => {
            await b.forget();
            using cache = folder();
            await build(a, '--cache-to', `type=local,dest=${cache.at('c')}`);
            assert.equal(bigBlobs(cache.path).length, 0);
            const said = await build(b, '--cache-from', `type=local,src=${cache.at('c')}`);
            assert.deepEqual(ended(said), { cached: 3, made: 2 }, said);
            assert.equal(await b.diffIds('app'), await a.diffIds('app'));
          });

          await t.test(`${by}: a registry`, async () => {
            await b.forget();
            for (const form of ['', ',compression=zstd', ',compression=uncompressed']) {
              const ref = `${registry}/cache/${by}:x${form.replace(/\W+/g, '-')}`;
              await build(a, '--cache-to', `type=registry,ref=${ref},mode=max${form}`);
              await same(await build(b, '--cache-from', `type=registry,ref=${ref}`));
              await b.forget();
            }
            assert.ok(bigBlobs(join(directory, 'data')).length >= 1);
          });

          await t.test(`${by}: every form of manifest, and tags in a directory`, async () => {
            await b.forget();
            for (const [form, mediaType] of [
              ['image-manifest=true', 'application/vnd.oci.image.manifest.v1+json'],
              ['image-manifest=false', 'application/vnd.oci.image.index.v1+json'],
              ['oci-mediatypes=false', 'application/vnd.docker.distribution.manifest.list.v2+json'],
              ['compression=zstd,force-compression=true', 'application/vnd.oci.image.manifest.v1+json'],
            ] as const) {
              const ref = `${registry}/form/${by}:${form.replace(/\W+/g, '-')}`;
              await build(a, '--cache-to', `type=registry,ref=${ref},mode=max,${form}`);
              const raw = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${ref}`]);
              assert.equal((JSON.parse(raw.stdout) as { mediaType: string }).mediaType, mediaType, form);
              await same(await build(b, '--cache-from', `type=registry,ref=${ref}`));
              await b.forget();
            }
            using cache = folder();
            for (const tag of ['one', 'two']) {
              await build(a, '--cache-to', `type=local,dest=${cache.at('c')},mode=max,tag=${tag}`);
            }
            const index = JSON.parse(readFileSync(cache.at('c/index.json'), 'utf8')) as {
              manifests: { annotations: Record<string, string> }[];
            };
            const names = index.manifests.map(({ annotations }) => annotations['org.opencontainers.image.ref.name']);
            assert.deepEqual(new Set(names), new Set(['one', 'two']));
            await same(await build(b, '--cache-from', `type=local,src=${cache.at('c')},tag=one`));
          });

          await t.test(`${by}: an image with its cache in it`, async () => {
            await b.forget();
            const image = `${registry}/inline/${by}:1`;
            await build(a, '--cache-to', 'type=inline', '-t', image);
            await a.wharf('/', 'push', image);
            const said = await build(b, '--cache-from', image);
            assert.deepEqual(ended(said), { cached: 3, made: 2 }, said);
            assert.equal(await b.diffIds('app'), await a.diffIds('app'));
          });

          await t.test(`${by}: a cache that is not there is told of, and no more`, async () => {
            const said = await build(b, '--cache-from', `type=registry,ref=${registry}/none:x`);
            assert.match(said, /importing cache manifest from \S+none:x\n#\d+ ERROR: .*manifest unknown/);
            assert.match(
              await build(b, '--cache-from', 'type=local,src=/nowhere'),
              /local cache import at \/nowhere not found/,
            );
          });

          await t.test(`${by}: a cache with wrong bytes is not used`, async () => {
            await b.forget();
            using cache = folder();
            await build(a, '--cache-to', `type=local,dest=${cache.at('c')},mode=max,compression=uncompressed`);
            const blobs = cache.at('c/blobs/sha256');
            const isLayer = (name: string) => readFileSync(join(blobs, name))[0] !== 0x7b; // no JSON
            for (const name of readdirSync(blobs).filter(isLayer)) {
              const bytes = readFileSync(join(blobs, name));
              // A tar that is whole, with other files in it.
              writeFileSync(
                join(blobs, name),
                Buffer.from(bytes.toString('latin1').replaceAll('built\n', 'wrong\n'), 'latin1'),
              );
            }
            const said = await build(b, '--cache-from', `type=local,src=${cache.at('c')}`);
            assert.match(
              said,
              /a layer of the cache \S+ cannot be used: the bytes of sha256:\S+ are others than its name says/,
            );
            assert.equal(await b.wharf('/', 'run', '--rm', 'app', 'cat', '/app/seen'), 'built\n');
            writeFileSync(cache.at('c/index.json'), '{');
            await build(b, '--cache-from', `type=local,src=${cache.at('c')}`);
          });

          await t.test(`${by}: what cannot be written fails, or is told of`, async () => {
            const refused = await run(
              by === 'wharf' ? wharfPath : 'docker',
              ['build', '--cache-to', 'type=registry,ref=127.0.0.1:1/x', '.'],
              { env: withPlugins(first, { BUILDKIT_PROGRESS: 'plain' }), cwd: files.path },
            );
            assert.notEqual(refused.code, 0);
            assert.match(refused.stderr, /failed to export cache to 127\.0\.0\.1:1\/x: .*refused/);
            await build(a, '--cache-to', 'type=registry,ref=127.0.0.1:1/x,ignore-error=true');
          });
        }

        await t.test('nothing waits any more', () => {
          assert.deepEqual(readdirSync(join(first.dataRoot, 'build/tmp')), []);
          assert.deepEqual(readdirSync(join(second.dataRoot, 'build/tmp')), []);
        });
      });
    });
  });
});
