import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, type ReadStream, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { wharfPath } from './installed.ts';
import { report, timed } from './support.ts';

/** What the layers are made of: programs, libraries, many small files; some hundred MB to a GB. */
const SOURCES = [
  ['/usr/bin', '/usr/sbin'],
  ['/usr/lib/gcc', '/usr/lib/python3'],
  ['/usr/share/perl', '/usr/share/locale'],
  [new URL('../node_modules', import.meta.url).pathname],
];
const TARGET = 1.3;
const MEMORY_TARGET_MB = 300;

/** Pull and push of a large image at a registry on loopback, against unpacking the same layers side by side with zcat and tar. */
export async function benchPull(daemon: TestDaemon): Promise<void> {
  const work = join(daemon.directory, 'pull');
  mkdirSync(work);
  const layers = SOURCES.map((from, i) => ({
    from: from.filter((path) => existsSync(path)),
    file: join(work, `${i}.gz`),
  }));
  const script = layers
    .map(({ from, file }) => `tar -C / -c ${from.map((p) => p.slice(1)).join(' ')} 2>/dev/null | gzip -2 > ${file} &`)
    .join('\n');
  execFileSync('sh', ['-c', `${script}\nwait`]);
  const registry = await startRegistry(join(work, 'registry'));
  try {
    const name = `${registry.host}/bench/large:1`;
    await publish(
      registry.host,
      'bench/large',
      layers.map(({ file }) => file),
    );
    let round = 0;
    const unpack = (): number => {
      round++;
      const parallel = layers
        .map(({ file }, i) => `mkdir ${work}/u${round}-${i}; zcat ${file} | tar -xC ${work}/u${round}-${i} &`)
        .join('\n');
      const ms = timed('sh', ['-c', `${parallel}\nwait`]);
      return ms;
    };
    // Nothing is deleted in between: ext4 takes long to reuse what was just freed.
    const floor = Math.min(unpack(), unpack());
    const env = daemon.env;
    const pull = timed(wharfPath, ['pull', '-q', name], env);
    report('wharf pull of a large image', pull, floor, 'zcat | tar x of its layers side by side', TARGET);
    const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
    console.log(
      `peak memory of the daemon: ${peak.toFixed(0)} MB; target below ${MEMORY_TARGET_MB}: ${peak < MEMORY_TARGET_MB ? 'ok' : 'MISSED'}`,
    );
    const again = timed(wharfPath, ['pull', '-q', name], env);
    console.log(`pull of what is here already: ${again.toFixed(0)} ms`);
    timed(wharfPath, ['tag', name, `${registry.host}/other/large:1`], env);
    console.log(
      `push of it (blobs are there): ${timed(wharfPath, ['push', '-q', `${registry.host}/other/large:1`], env).toFixed(0)} ms`,
    );
    const fresh = await startRegistry(join(work, 'fresh'));
    try {
      timed(wharfPath, ['tag', name, `${fresh.host}/bench/large:1`], env);
      const push = timed(wharfPath, ['push', '-q', `${fresh.host}/bench/large:1`], env);
      const gzip = layers.map(({ file }) => `zcat ${file} | gzip -6 > /dev/null &`).join('\n');
      report(
        'wharf push of a large image',
        push,
        timed('sh', ['-c', `${gzip}\nwait`]),
        'gzip of its layers side by side',
        TARGET,
      );
    } finally {
      await fresh.stop();
    }
    timed(wharfPath, ['rmi', '-f', name], env);
  } finally {
    await registry.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

interface Registry {
  readonly host: string;
  stop(): Promise<void>;
}

async function startRegistry(data: string): Promise<Registry> {
  const child: ChildProcess = spawn(wharfPath, ['registry', 'serve', '--data', data, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (!child.stdout) throw new Error('no output');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { host: /http:\/\/(\S+)/.exec(line)?.[1] ?? '', stop };
}

/** Puts layers into a registry as an image. */
async function publish(host: string, repository: string, files: readonly string[]): Promise<void> {
  const base = `http://${host}/v2/${repository}`;
  const put = async (digest: string, body: string | ReadStream): Promise<void> => {
    const started = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
    const place = new URL(started.headers.get('location') ?? '', base);
    const done = await fetch(`${place.href}?digest=${digest}`, { method: 'PUT', body, duplex: 'half' });
    if (done.status !== 201) throw new Error(`upload: ${done.status} ${await done.text()}`);
  };
  const layers = [];
  const diffIds = [];
  for (const file of files) {
    const digest = `sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
    diffIds.push(
      `sha256:${execFileSync('sh', ['-c', `zcat ${file} | sha256sum`])
        .toString()
        .slice(0, 64)}`,
    );
    await put(digest, createReadStream(file));
    layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: statSync(file).size });
  }
  const rootfs = { type: 'layers', diff_ids: diffIds };
  const config = JSON.stringify({ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux', rootfs });
  const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
  await put(digest, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: config.length },
    layers,
  };
  const headers = { 'content-type': manifest.mediaType };
  const done = await fetch(`${base}/manifests/1`, { method: 'PUT', headers, body: JSON.stringify(manifest) });
  if (done.status !== 201) throw new Error(`manifest: ${done.status} ${await done.text()}`);
}
