import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withReference } from './support/reference-registry.ts';

const NO_TLS = ['--src-tls-verify=false', '--dest-tls-verify=false'];

/** What skopeo makes of an image when it copies it: formats and compressions that are about. */
const FORMS: readonly (readonly [name: string, mediaType: RegExp, args: readonly string[]])[] = [
  ['docker', /docker\.distribution\.manifest\.v2/, ['--format', 'v2s2', '--dest-compress-format', 'gzip']],
  ['oci-gzip', /oci\.image\.manifest/, ['--format', 'oci', '--dest-compress-format', 'gzip']],
  ['oci-zstd', /oci\.image\.manifest/, ['--format', 'oci', '--dest-compress-format', 'zstd']],
  ['oci-plain', /oci\.image\.manifest/, ['--format', 'oci', '--dest-decompress']],
];

test('an image that was pulled has the same digest when it is pushed, saved, and loaded again', {
  timeout: 240_000,
}, async () => {
  await withReference(async (one) => {
    await withReference(async (two) => {
      await withDaemon(async (daemon) => {
        const ok = async (command: string, ...args: string[]) => {
          const outcome = await run(command, args, { env: daemon.env });
          assert.equal(outcome.code, 0, `${command} ${args.join(' ')}: ${outcome.stderr}`);
          return outcome.stdout;
        };
        const wharf = (...args: string[]) => ok(wharfPath, ...args);
        const work = join(daemon.directory, 'forms');
        mkdirSync(work);
        for (const [name, mediaType, args] of FORMS) {
          // Each with bytes of its own: skopeo remembers for ever in which forms a registry has what.
          const root = join(work, `${name}-root`);
          mkdirSync(join(root, 'bin'), { recursive: true });
          for (const program of ['sh', 'echo']) copyFileSync('/bin/busybox', join(root, 'bin', program));
          writeFileSync(join(root, 'own'), randomBytes(100_000));
          await ok('tar', '-C', root, '-cf', join(work, 'root.tar'), '.');
          await wharf('import', '-c', 'CMD ["sh"]', join(work, 'root.tar'), 'made:1');
          await wharf('save', '-o', join(work, 'made.tar'), 'made:1');
          await wharf('rmi', 'made:1');
          const origin = `${one}/lib/${name}:1`;
          // A directory in between, as skopeo compresses only what it copies to one.
          const directory = `dir:${join(work, name)}`;
          if (name === 'oci-plain') {
            await ok('skopeo', 'copy', ...NO_TLS, '--format', 'oci', `docker-archive:${work}/made.tar`, directory);
            await ok('skopeo', 'copy', ...NO_TLS, '--preserve-digests', directory, `docker://${origin}`);
          } else
            await ok('skopeo', 'copy', ...NO_TLS, ...args, `docker-archive:${work}/made.tar`, `docker://${origin}`);
          const raw = await ok('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${origin}`);
          const { mediaType: type = 'oci.image.manifest' } = JSON.parse(raw) as { mediaType?: string };
          assert.match(type, mediaType, name);
          if (name === 'oci-zstd') assert.match(raw, /tar\+zstd/);

          const digest = /Digest: (sha256:\w+)/.exec(await wharf('pull', origin))?.[1] ?? '';
          const target = `${two}/copy/${name}:2`;
          await wharf('tag', origin, target);
          assert.match(await wharf('push', target), new RegExp(`2: digest: ${digest} size: ${raw.length}\n`), name);
          assert.equal(await ok('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${target}`), raw);
          assert.equal((await wharf('run', '--rm', origin, 'echo', 'hi')).trim(), 'hi');

          // The archive has the manifest, whoever reads it.
          const archive = join(work, `${name}.tar`);
          await wharf('save', '-o', archive, origin);
          const index = JSON.parse(await ok('tar', '-xOf', archive, 'index.json')) as {
            manifests: { digest: string }[];
          };
          assert.equal(index.manifests[0]?.digest, digest, name);
          await ok('skopeo', 'inspect', `docker-archive:${archive}`);
          await ok('skopeo', 'copy', `docker-archive:${archive}`, `dir:${work}/${name}-again`);
          if (name === 'oci-gzip' || name === 'docker') {
            await ok('skopeo', 'copy', '--all', `oci-archive:${archive}`, `dir:${work}/${name}-kept`);
            assert.equal(readFileSync(`${work}/${name}-kept/manifest.json`, 'utf8'), raw);
          }
          await wharf('rmi', origin, target);
          assert.match(await wharf('load', '-i', archive), new RegExp(`Loaded image: ${origin}`));
          if (name !== 'oci-plain') {
            const third = `${two}/third/${name}:3`;
            await wharf('tag', origin, third);
            assert.match(await wharf('push', third), new RegExp(`3: digest: ${digest} `), name);
            await wharf('rmi', third);
          }
          await wharf('rmi', origin);
        }
        assert.equal((await wharf('images', '-aq')).trim(), '');
      });
    });
  });
});
