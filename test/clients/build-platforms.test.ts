import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { folder } from '../e2e/support/folder.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';
import { withReference } from './support/reference-registry.ts';

const DOCKERFILE = `FROM --platform=$BUILDPLATFORM busybox AS make
ARG TARGETARCH
RUN echo "for $TARGETARCH" > /made
FROM scratch
ARG TARGETARCH
COPY --from=make /made /made
LABEL arch=$TARGETARCH
`;
const BOTH = 'linux/amd64,linux/arm64';

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly { readonly digest: string; readonly platform?: { readonly architecture: string } }[];
}

/** The head of a program of another processor: all that the kernel looks at. */
function foreignProgram(): Buffer {
  const program = readFileSync('/bin/busybox');
  program.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
  return program;
}

test('images of several platforms', { timeout: 300_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const env = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
    using files = folder({ Dockerfile: DOCKERFILE });
    const told = (program: string, ...args: string[]) =>
      run(program, args, { env, cwd: files.path, timeoutMs: 60_000 });
    const good = async (program: string, ...args: string[]) => {
      const done = await told(program, ...args);
      assert.equal(done.code, 0, `${program} ${args.join(' ')}: ${done.stderr}`);
      return done;
    };
    const skopeo = async (...args: string[]) =>
      JSON.parse((await good('skopeo', 'inspect', ...args)).stdout) as unknown;
    const imagesOf = async () => (await good('docker', 'images', '-aq')).stdout;
    const platforms = ({ manifests }: Index) => manifests.map(({ platform }) => platform?.architecture);

    for (const program of ['docker', wharfPath]) {
      const by = program === 'docker' ? 'buildx' : 'wharf';
      await t.test(`${by}: one archive`, async () => {
        const before = await imagesOf();
        await good(program, 'build', '--platform', BOTH, '-o', 'type=oci,dest=out.tar,name=both:1', '.');
        const archive = `oci-archive:${files.at('out.tar')}:1`;
        const index = (await skopeo('--raw', archive)) as Index;
        assert.equal(index.mediaType, 'application/vnd.oci.image.index.v1+json');
        assert.deepEqual(platforms(index), ['amd64', 'arm64']);
        for (const arch of ['amd64', 'arm64']) {
          const { Labels, Architecture } = (await skopeo('--override-arch', arch, archive)) as {
            Labels: Record<string, string>;
            Architecture: string;
          };
          assert.deepEqual([Labels['arch'], Architecture], [arch, arch]);
        }
        assert.equal(await imagesOf(), before, 'nothing stays in the engine');
      });

      await t.test(`${by}: --push, with and without further keys`, async () => {
        await withReference(async (registry) => {
          await good(program, 'build', '--platform', BOTH, '--push', '-t', `${registry}/both:1`, '.');
          const at = ['--tls-verify=false', `docker://${registry}/both:1`];
          const index = (await skopeo('--raw', ...at)) as Index;
          assert.match(index.mediaType, /manifest\.list|image\.index/);
          assert.deepEqual(platforms(index), ['amd64', 'arm64']);
          const arm = (await skopeo('--override-arch', 'arm64', ...at)) as { Labels: Record<string, string> };
          assert.equal(arm.Labels['arch'], 'arm64');

          const keys = 'compression=zstd,oci-mediatypes=true,annotation.note=here';
          const name = `${registry}/one:1`;
          await good(program, 'build', '--metadata-file', 'meta', '-o', `type=registry,name=${name},${keys}`, '.');
          const raw = (await good('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${name}`)).stdout;
          const manifest = JSON.parse(raw) as {
            mediaType: string;
            layers: { mediaType: string }[];
            annotations: Record<string, string>;
          };
          assert.equal(manifest.mediaType, 'application/vnd.oci.image.manifest.v1+json');
          assert.match(manifest.layers[0]?.mediaType ?? '', /zstd$/);
          assert.deepEqual(manifest.annotations, { note: 'here' });
          const { Digest } = (await skopeo('--tls-verify=false', `docker://${name}`)) as { Digest: string };
          const metadata = JSON.parse(readFileSync(files.at('meta'), 'utf8')) as Record<string, string>;
          assert.equal(metadata['containerimage.digest'], Digest);
          await good(program, 'build', '--push', '-t', `${registry}/plain:1`, '.');
          await good(program, 'pull', `${registry}/plain:1`);
          const nowhere = await told(program, 'build', '--push', '.');
          assert.notEqual(nowhere.code, 0);
          assert.match(nowhere.stderr, /tag is needed when pushing to registry/);
        });
      });

      await t.test(`${by}: what one name of the engine cannot mean is refused`, async () => {
        const refused = await told(program, 'build', '--platform', BOTH, '-t', 'both:1', '.');
        assert.notEqual(refused.code, 0);
        assert.match(
          refused.stderr,
          /Multi-platform build is not supported for images of the engine.*type=oci.*--push/,
        );
      });

      await t.test(`${by}: a command for another processor tells what to do`, async () => {
        writeFileSync(files.at('foreign'), foreignProgram(), { mode: 0o755 });
        writeFileSync(
          files.at('Dockerfile.run'),
          'FROM scratch\nCOPY foreign /bin/sh\nRUN echo "not here"\nCOPY foreign /x\n',
        );
        const other = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
        const failed = await told(program, 'build', '--platform', other, '-f', 'Dockerfile.run', '.');
        assert.notEqual(failed.code, 0);
        assert.match(failed.stderr, /exec format error/);
        assert.match(failed.stderr, /Dockerfile\.run:3/);
        assert.match(failed.stderr, /binfmt/);
      });
    }

    await t.test('wharf: a directory for each platform', async () => {
      await good(wharfPath, 'build', '--platform', BOTH, '-o', 'out', '.');
      assert.equal(readFileSync(files.at('out/linux_arm64/made'), 'utf8'), 'for arm64\n');
      assert.equal(readFileSync(files.at('out/linux_amd64/made'), 'utf8'), 'for amd64\n');
    });

    await t.test('the classic builder refuses them', async () => {
      const classic = { ...env, DOCKER_BUILDKIT: '0' };
      const refused = await run('docker', ['build', '--platform', BOTH, '.'], { env: classic, cwd: files.path });
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /Multi-platform build is not supported/);
    });
  });
});
