import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  type ReadStream,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { TestDaemon } from '../test/e2e/support/daemon.ts';
import { wharfdPath, wharfPath } from './installed.ts';
import { largeImage, packedLayer, type PackedLayer } from './large-image.ts';
import { type Registry, startRegistry } from './registry.ts';
import { absolute, report } from './report.ts';
import { timed } from './support.ts';

const TARGET = 1.3;
const ROUNDS = 3;
const POOL = ['--default-address-pool', 'base=10.217.0.0/16,size=24'];
const MEMORY_TARGET_MB = 300;

/** Pull and push of a large image at a registry on loopback, against unpacking the same layers side by side with zcat and tar. */
export async function benchPull(daemon: TestDaemon): Promise<void> {
  const work = join(daemon.directory, 'pull');
  mkdirSync(work);
  const layers = await largeImage(daemon);
  const registry = await startRegistry(join(work, 'registry'));
  try {
    const name = `${registry.host}/bench/large:1`;
    await publish(registry.host, 'bench/large', layers);
    let round = 0;
    const unpack = (): number => {
      round++;
      const parallel = layers
        .map(({ file }, i) => `mkdir ${work}/u${round}-${i}; zcat ${file} | tar -xC ${work}/u${round}-${i} &`)
        .join('\n');
      timed('sync', []); // what others have left for the disk is theirs
      return timed('sh', ['-c', `${parallel}\nwait`]);
    };
    // In turn, so that a noisy minute hits both; nothing is deleted in between, as ext4 takes long to reuse what was just freed.
    const env = daemon.env;
    const floors: number[] = [];
    const pulls: number[] = [];
    const peaks: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      floors.push(unpack());
      const cold = i === ROUNDS - 1 ? daemon : new TestDaemon(join(work, `cold-${i}`), POOL, {}, wharfdPath);
      if (cold !== daemon) {
        mkdirSync(cold.directory);
        await cold.start();
      }
      timed('sync', []);
      pulls.push(timed(wharfPath, ['pull', '-q', name], cold.env));
      peaks.push(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${cold.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
      if (cold !== daemon) await cold.stop();
    }
    const best = Math.min(...pulls);
    report('wharf pull of a large image', best, Math.min(...floors), 'zcat | tar x of its layers side by side', TARGET);
    const peak = Math.max(...peaks);
    absolute('peak memory of the daemon during the pull', peak, MEMORY_TARGET_MB, 'MB');
    const again = timed(wharfPath, ['pull', '-q', name], env);
    console.log(`pull of what is here already: ${again.toFixed(0)} ms`);
    await secondPull(daemon, registry, layers);
    timed(wharfPath, ['tag', name, `${registry.host}/other/large:1`], env);
    console.log(
      `push of it (blobs are there): ${timed(wharfPath, ['push', '-q', `${registry.host}/other/large:1`], env).toFixed(0)} ms`,
    );
    await pushOfOwn(
      daemon,
      join(work, 'own'),
      layers.map(({ file }) => file),
    );
    timed(wharfPath, ['rmi', '-f', name], env);
  } finally {
    await registry.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

/** An image that shares all but one layer: only that one moves. */
async function secondPull(daemon: TestDaemon, registry: Registry, layers: readonly PackedLayer[]): Promise<void> {
  const extra = join(daemon.directory, 'pull', 'extra.gz');
  execFileSync('sh', ['-c', `tar -C /usr/share -c doc 2>/dev/null | gzip > ${extra}`]);
  const layer = packedLayer(extra);
  await publish(registry.host, 'bench/second', [...layers.slice(0, -1), layer]);
  const before = registry.sent();
  const ms = timed(wharfPath, ['pull', '-q', `${registry.host}/bench/second:1`], daemon.env);
  const moved = registry.sent() - before;
  const verdict = moved <= layer.sizeBytes + 64 * 1024 ? 'ok' : 'MISSED';
  console.log(
    `pull of an image that shares all layers but one: ${ms.toFixed(0)} ms, ${moved} bytes read for a layer of ${layer.sizeBytes}: ${verdict}`,
  );
}

/**
 * An image that was made here, so that all must be compressed. Docker 28.5 took 11.0 s where gzip (its default level) of the
 * same layers, two at a time, took some 17 s.
 */
async function pushOfOwn(daemon: TestDaemon, data: string, files: readonly string[]): Promise<void> {
  const { env } = daemon;
  const context = join(daemon.directory, 'pull', 'context');
  mkdirSync(context);
  const adds = files.map((file, i) => {
    copyFileSync(file, join(context, `${i}.tar.gz`));
    return `ADD ${i}.tar.gz /${i}`;
  });
  writeFileSync(join(context, 'Dockerfile'), ['FROM scratch', ...adds, ''].join('\n'));
  const registry = await startRegistry(data);
  try {
    const own = `${registry.host}/bench/own:1`;
    timed(wharfPath, ['build', '-q', '-t', own, context], env);
    const push = timed(wharfPath, ['push', '-q', own], env);
    const gzip = files.map((file) => `zcat ${file} | gzip -6 > /dev/null &`).join('\n');
    const floor = timed('sh', ['-c', `${gzip}\nwait`]);
    report('wharf push of an image made here', push, floor, 'gzip -6 of its layers side by side', 1);
    timed(wharfPath, ['rmi', '-f', own], env);
  } finally {
    await registry.stop();
  }
}

/** Puts layers into a registry as an image. */
async function publish(host: string, repository: string, layers: readonly PackedLayer[]): Promise<void> {
  const base = `http://${host}/v2/${repository}`;
  const put = async (digest: string, body: string | ReadStream): Promise<void> => {
    const started = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
    const place = new URL(started.headers.get('location') ?? '', base);
    const done = await fetch(`${place.href}?digest=${digest}`, { method: 'PUT', body, duplex: 'half' });
    if (done.status !== 201) throw new Error(`upload: ${done.status} ${await done.text()}`);
  };
  for (const { file, digest } of layers) await put(digest, createReadStream(file));
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  const config = JSON.stringify({ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux', rootfs });
  const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
  await put(digest, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: config.length },
    layers: layers.map(({ digest, sizeBytes }) => ({ mediaType, digest, size: sizeBytes })),
  };
  const headers = { 'content-type': manifest.mediaType };
  const done = await fetch(`${base}/manifests/1`, { method: 'PUT', headers, body: JSON.stringify(manifest) });
  if (done.status !== 201) throw new Error(`manifest: ${done.status} ${await done.text()}`);
}
