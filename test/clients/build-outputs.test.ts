import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { folder } from '../e2e/support/folder.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';
import { withReference } from './support/reference-registry.ts';

test('images that go elsewhere', { timeout: 240_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const env = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
    using files = folder({ Dockerfile: 'FROM busybox\nRUN echo made > /made\nCMD ["cat", "/made"]\n' });
    const good = async (program: string, ...args: string[]) => {
      const done = await run(program, args, { env, cwd: files.path, timeoutMs: 60_000 });
      assert.equal(done.code, 0, `${program} ${args.join(' ')}: ${done.stderr}`);
      return done;
    };
    const images = async () => (await good('docker', 'images', '--format', '{{.Repository}}:{{.Tag}}')).stdout;
    const skopeo = async (what: string) =>
      JSON.parse((await good('skopeo', 'inspect', '--raw', what)).stdout) as unknown;

    for (const program of ['docker', wharfPath]) {
      const by = program === 'docker' ? 'buildx' : 'wharf';
      await t.test(`${by}: type=oci, with names and compression`, async () => {
        for (const [compression, suffix] of [
          ['', '+gzip'],
          [',compression=zstd', '+zstd'],
          [',compression=uncompressed', ''],
        ] as const) {
          await good(program, 'build', '-o', `type=oci,dest=out.tar,name=elsewhere:1${compression}`, '.');
          const manifest = (await skopeo(`oci-archive:${files.at('out.tar')}:1`)) as {
            layers: { mediaType: string }[];
          };
          assert.equal(manifest.layers.at(-1)?.mediaType, `application/vnd.oci.image.layer.v1.tar${suffix}`);
        }
        assert.doesNotMatch(await images(), /elsewhere/);
        await good(program, 'load', '-i', 'out.tar');
        assert.equal((await good('docker', 'run', '--rm', 'elsewhere:1')).stdout, 'made\n');
        await good(program, 'rmi', 'elsewhere:1');
      });

      await t.test(`${by}: type=docker to a file`, async () => {
        await good(program, 'build', '-o', 'type=docker,dest=out.tar,name=old:1', '.');
        const list = execFileSync('tar', ['xOf', files.at('out.tar'), 'manifest.json'], { encoding: 'utf8' });
        assert.deepEqual((JSON.parse(list) as { RepoTags: string[] }[])[0]?.RepoTags, ['old:1']);
        await good('skopeo', 'inspect', `docker-archive:${files.at('out.tar')}`);
        await good(program, 'load', '-i', 'out.tar');
        assert.equal((await good('docker', 'run', '--rm', 'old:1')).stdout, 'made\n');
        await good(program, 'rmi', 'old:1');
      });

      await t.test(`${by}: type=image, and what the metadata file says`, async () => {
        await good(program, 'build', '-o', 'type=image,name=here:1', '--metadata-file', 'meta', '.');
        assert.match(await images(), /here:1/);
        const metadata = JSON.parse(readFileSync(files.at('meta'), 'utf8')) as Record<string, string>;
        assert.match(metadata['containerimage.config.digest'] ?? '', /^sha256:/);
        assert.match(metadata['image.name'] ?? '', /here:1/);
      });
    }

    await t.test('with SOURCE_DATE_EPOCH the same build is the same archive, whoever asks', async () => {
      const archives: Buffer[] = [];
      for (const program of ['docker', wharfPath]) {
        for (const epoch of ['1700000000', '1700000000']) {
          const args = ['build', '--no-cache', '-o', 'type=oci,dest=out.tar,name=same:1,rewrite-timestamp=true', '.'];
          const built = await run(program, args, { env: { ...env, SOURCE_DATE_EPOCH: epoch }, cwd: files.path });
          assert.equal(built.code, 0, built.stderr);
          archives.push(readFileSync(files.at('out.tar')));
        }
      }
      for (const archive of archives) assert.ok(archive.equals(archives[0] ?? Buffer.alloc(0)));
    });

    await t.test('buildx: --push', async () => {
      await withReference(async (registry) => {
        await good('docker', 'build', '--push', '-t', `${registry}/pushed:1`, '.');
        const found = await good('skopeo', 'inspect', '--tls-verify=false', `docker://${registry}/pushed:1`);
        assert.match(found.stdout, /"Digest": "sha256:/);
        const none = await run('docker', ['build', '--push', '-t', '127.0.0.1:1/x', '.'], { env, cwd: files.path });
        assert.notEqual(none.code, 0);
        assert.match(none.stderr, /refused/);
      });
    });
  });
});
