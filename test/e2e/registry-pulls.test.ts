import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';
import { storeDigest } from './support/store-digest.ts';
import { digestOf, OCI_MANIFEST, type RegistryLab, withRegistry } from './registry-lab.ts';

async function ok(daemon: TestDaemon, ...args: string[]): Promise<string> {
  const outcome = await run(wharfPath, args, { env: daemon.env });
  assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr}`);
  return outcome.stdout;
}

/** Stands before a registry, keeps a list of what is asked, and may do something else instead. */
async function withDoor(
  registry: RegistryLab,
  body: (door: { readonly host: string; readonly asked: string[] }) => Promise<void>,
  instead: (request: IncomingMessage, response: ServerResponse, pass: () => void) => void = (_q, _a, pass) => pass(),
): Promise<void> {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url?.replace(/^\/v2\//, '')}`);
    instead(incoming, response, () => {
      const { url, method, headers } = incoming;
      const inner = request(new URL(url ?? '', registry.server.url), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      inner.on('error', () => response.destroy());
      incoming.pipe(inner);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await body({ host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const SIZE = 3_000_000;

/** Pushes an image of layers of random bytes; gives the layers' digests. */
async function pushImage(
  registry: RegistryLab,
  name: string,
  tag: string,
  seeds: readonly Buffer[],
): Promise<string[]> {
  const layers = [];
  const diffIds = [];
  for (const [i, bytes] of seeds.entries()) {
    const tar = pack();
    tar.entry({ name: `layer${i}`, mtime: new Date(0) }, bytes);
    tar.finalize();
    const pieces: Buffer[] = [];
    for await (const piece of tar) pieces.push(piece as Buffer);
    const blob = gzipSync(Buffer.concat(pieces), { level: 1 });
    diffIds.push(digestOf(Buffer.concat(pieces)));
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
    layers.push({ mediaType, digest: await registry.blob(name, blob), size: blob.length });
  }
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } });
  const mediaType = 'application/vnd.oci.image.config.v1+json';
  const descriptor = { mediaType, digest: await registry.blob(name, config), size: config.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptor, layers });
  const headers = { 'content-type': OCI_MANIFEST };
  assert.equal((await registry.ask('PUT', `${name}/manifests/${tag}`, { headers, body })).status, 201);
  return layers.map(({ digest }) => digest);
}

const blobsOf = (asked: readonly string[], digests: readonly string[]) =>
  digests.map((digest) => asked.filter((line) => line.startsWith('GET') && line.endsWith(digest)).length);

test('pulls at the same time fetch each layer once; only missing layers are fetched later', {
  timeout: 120_000,
}, async () => {
  await withRegistry(async (registry) => {
    await withDoor(registry, async ({ host, asked }) => {
      await withDaemon(async (daemon) => {
        const seeds = [randomBytes(SIZE), randomBytes(SIZE), randomBytes(SIZE)];
        const layers = await pushImage(registry, 'team/app', '1', seeds);
        const [own] = (await pushImage(registry, 'team/app', '2', [...seeds.slice(0, 2), randomBytes(SIZE)])).slice(2);
        const names = ['1', '1', '2', '2'].map((tag) => `${host}/team/app:${tag}`);
        const outputs = await Promise.all(names.map((name) => ok(daemon, 'pull', name)));
        for (const output of outputs) assert.match(output, /Status: (Downloaded newer image|Image is up to date) for/);
        assert.deepEqual(blobsOf(asked, [...layers, own ?? '']), [1, 1, 1, 1]);

        const [other] = names;
        assert.match(
          await ok(daemon, 'pull', '--platform', 'linux/s390x', other ?? ''),
          /WARNING: image with reference \S+team\/app:1 was found but its platform \(linux\/amd64\) does not match the specified platform \(linux\/s390x\)/,
        );
        asked.length = 0;
        const [third] = (await pushImage(registry, 'team/app', '3', [...seeds, randomBytes(SIZE)])).slice(3);
        const output = await ok(daemon, 'pull', `${host}/team/app:3`);
        assert.equal(output.match(/Already exists/g)?.length, 3);
        assert.deepEqual(blobsOf(asked, [...layers, third ?? '']), [0, 0, 0, 1]);
        asked.length = 0;
        assert.match(await ok(daemon, 'pull', `${host}/team/app:3`), /Image is up to date/);
        assert.deepEqual(
          asked.filter((line) => line.includes('manifests')),
          ['HEAD team/app/manifests/3'],
        );

        // All tags; by digest; quietly.
        await ok(
          daemon,
          'rmi',
          ...(await ok(daemon, 'images', '-q'))
            .split('\n')
            .filter(Boolean)
            .flatMap((id) => ['-f', id]),
        );
        const all = await ok(daemon, 'pull', '-a', `${host}/team/app`);
        assert.equal(all.match(/Status: Downloaded newer image/g)?.length, 3);
        const digest = /Digest: (\S+)/.exec(all)?.[1] ?? '';
        assert.equal(await ok(daemon, 'pull', '-q', `${host}/team/app@${digest}`), `${host}/team/app@${digest}\n`);
        const both = await run(wharfPath, ['pull', '-a', `${host}/team/app:1`], { env: daemon.env });
        assert.equal(both.stderr.trim(), "tag can't be used with --all-tags/-a");
      });
    });
  });
});

test('a layer that an image has twice is fetched once', { timeout: 60_000 }, async () => {
  await withRegistry(async (registry) => {
    await withDoor(registry, async ({ host, asked }) => {
      await withDaemon(async (daemon) => {
        const same = randomBytes(SIZE);
        const tar = pack();
        tar.entry({ name: 'same' }, same);
        tar.finalize();
        const pieces: Buffer[] = [];
        for await (const piece of tar) pieces.push(piece as Buffer);
        const layer = Buffer.concat(pieces);
        const blob = gzipSync(layer);
        const digest = await registry.blob('team/twice', blob);
        const other = gzipSync(Buffer.alloc(10_240));
        const otherDigest = await registry.blob('team/twice', other);
        const diffIds = [layer, Buffer.alloc(10_240), layer, layer].map((bytes) => digestOf(bytes));
        const config = JSON.stringify({
          architecture: 'amd64',
          os: 'linux',
          rootfs: { type: 'layers', diff_ids: diffIds },
        });
        const gzip = 'application/vnd.oci.image.layer.v1.tar+gzip';
        const twice = { mediaType: gzip, digest, size: blob.length };
        const body = JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI_MANIFEST,
          config: {
            mediaType: 'application/vnd.oci.image.config.v1+json',
            digest: await registry.blob('team/twice', config),
            size: config.length,
          },
          layers: [twice, { mediaType: gzip, digest: otherDigest, size: other.length }, twice, twice],
        });
        const headers = { 'content-type': OCI_MANIFEST };
        assert.equal((await registry.ask('PUT', 'team/twice/manifests/1', { headers, body })).status, 201);
        await ok(daemon, 'pull', `${host}/team/twice:1`);
        assert.deepEqual(blobsOf(asked, [digest, otherDigest]), [1, 1]);
        assert.equal(
          (await ok(daemon, 'image', 'inspect', '-f', '{{len .RootFS.Layers}}', `${host}/team/twice:1`)).trim(),
          '4',
        );
      });
    });
  });
});

test('a pull goes on where a connection broke off in the middle of a layer', { timeout: 120_000 }, async () => {
  await withRegistry(async (registry) => {
    const [layer = ''] = await pushImage(registry, 'team/app', '1', [randomBytes(SIZE)]);
    const ranges: (string | undefined)[] = [];
    const cut = (incoming: IncomingMessage, response: ServerResponse, pass: () => void): void => {
      if (!incoming.url?.endsWith(layer)) return pass();
      ranges.push(incoming.headers.range);
      if (ranges.length > 2) return pass();
      const from = Number(/bytes=(\d+)/.exec(incoming.headers.range ?? '')?.[1] ?? 0);
      const headers = { range: `bytes=${from}-${from + 999_999}` };
      request(new URL(incoming.url, registry.server.url), { headers }, (answer) => {
        const length = SIZE * 2;
        response.writeHead(from === 0 ? 200 : 206, {
          'content-length': length,
          ...(from > 0 && { 'content-range': `bytes ${from}-${from + length - 1}/${from + length}` }),
        });
        answer.on('data', (piece: Buffer) => response.write(piece));
        answer.once('end', () => setTimeout(() => response.destroy(), 50));
      }).end();
    };
    await withDoor(
      registry,
      async ({ host }) => {
        await withDaemon(async (daemon) => {
          const output = await ok(daemon, 'pull', `${host}/team/app:1`);
          assert.match(output, /Retrying in 1 second/);
          assert.match(output, /Pull complete/);
          assert.deepEqual(ranges, [undefined, 'bytes=1000000-', 'bytes=2000000-']);
        });
      },
      cut,
    );
  });
});

test('Ctrl-C in the middle of a pull leaves the store as it was; what another pull waits for still comes', {
  timeout: 120_000,
}, async () => {
  await withRegistry(async (registry) => {
    const layers = await pushImage(registry, 'team/app', '1', [randomBytes(SIZE), randomBytes(SIZE)]);
    let hold = Promise.withResolvers<void>();
    let held = Promise.withResolvers<void>();
    /** The last layer stops in the middle, until it may go on. */
    const stall = (incoming: IncomingMessage, response: ServerResponse, pass: () => void): void => {
      if (!incoming.url?.endsWith(layers[1] ?? '')) return pass();
      request(new URL(incoming.url, registry.server.url), { headers: { range: 'bytes=0-999999' } }, (first) => {
        response.writeHead(200, { 'content-length': String(first.headers['content-range']).split('/')[1] });
        first.on('data', (piece: Buffer) => response.write(piece));
        first.once('end', () => {
          held.resolve();
          void hold.promise.then(() =>
            request(
              new URL(incoming.url ?? '', registry.server.url),
              { headers: { range: 'bytes=1000000-' } },
              (rest) => rest.pipe(response),
            ).end(),
          );
        });
      }).end();
    };
    await withDoor(
      registry,
      async ({ host, asked }) => {
        await withDaemon(async (daemon) => {
          await importBusybox(daemon.socket);
          const before = storeDigest(daemon.dataRoot);
          const name = `${host}/team/app:1`;
          const pull = () => spawn(wharfPath, ['pull', name], { env: daemon.env, stdio: ['ignore', 'pipe', 'pipe'] });
          {
            const child = pull();
            await held.promise;
            child.kill('SIGINT');
            const [code] = (await once(child, 'exit')) as [number | null];
            assert.notEqual(code, 0);

            for (let i = 0; i < 100 && storeDigest(daemon.dataRoot) !== before; i++) {
              await new Promise((resolve) => setTimeout(resolve, 20));
            }
            assert.equal(storeDigest(daemon.dataRoot), before);
          }
          held = Promise.withResolvers();
          asked.length = 0;
          const first = pull();
          await held.promise;
          const second = pull();
          let told = '';
          second.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
          while (!told.includes('Pulling fs layer')) await once(second.stdout, 'data');
          first.kill('SIGINT');
          await once(first, 'exit');
          hold.resolve();
          const [code] = (await once(second, 'exit')) as [number | null];
          assert.equal(code, 0);
          assert.match(await ok(daemon, 'images', host + '/team/app'), /team\/app +1/);
          assert.deepEqual(blobsOf(asked, layers), [1, 1], 'nothing was fetched again');
        });
      },
      stall,
    );
    hold = Promise.withResolvers();
  });
});

test('a bad layer on top of good ones leaves none of them', { timeout: 60_000 }, async () => {
  await withRegistry(async (registry) => {
    const layers = await pushImage(registry, 'team/app', '1', [
      randomBytes(SIZE),
      randomBytes(SIZE),
      randomBytes(1000),
    ]);
    const lie = (incoming: IncomingMessage, response: ServerResponse, pass: () => void): void => {
      if (!incoming.url?.endsWith(layers[2] ?? '')) return pass();
      setTimeout(() => response.end('something else'), 300);
    };
    await withDoor(
      registry,
      async ({ host }) => {
        await withDaemon(async (daemon) => {
          await importBusybox(daemon.socket);
          const before = storeDigest(daemon.dataRoot);
          const outcome = await run(wharfPath, ['pull', '-q', `${host}/team/app:1`], { env: daemon.env });
          assert.match(outcome.stderr, /^filesystem layer verification failed for digest sha256:\w+\n$/);
          assert.equal(storeDigest(daemon.dataRoot), before);
        });
      },
      lie,
    );
  });
});

test('import takes a URL, which the engine fetches; a connection that breaks goes on', {
  timeout: 60_000,
}, async () => {
  const tar = pack();
  tar.entry({ name: 'bytes' }, randomBytes(SIZE));
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar) pieces.push(piece as Buffer);
  const bytes = gzipSync(Buffer.concat(pieces));
  const ranges: (string | undefined)[] = [];
  const server = createServer((incoming, response) => {
    if (incoming.url !== '/root.tar.gz') return void response.writeHead(404).end('no such page');
    const start = Number(/bytes=(\d+)-/.exec(incoming.headers.range ?? '')?.[1] ?? 0);
    ranges.push(incoming.headers.range);
    const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start, ...(start > 0 && range) });
    if (start > 0) response.end(bytes.subarray(start));
    else response.write(bytes.subarray(0, 1_000_000), () => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await withDaemon(async (daemon) => {
      for (const program of ['docker', wharfPath]) {
        ranges.length = 0;
        const args = ['import', '-c', 'CMD ["x"]', `${at}/root.tar.gz`, 'fetched:1'];
        const outcome = await run(program, args, { env: daemon.env });
        assert.equal(outcome.code, 0, outcome.stderr);
        assert.match(outcome.stdout, new RegExp(`Downloading from ${at}/root.tar.gz\n(.*\n)*sha256:\\w+\n$`));
        assert.deepEqual(ranges, [undefined, 'bytes=1000000-']);
        assert.match(await ok(daemon, 'history', '--format', '{{.Comment}}', 'fetched:1'), /^Imported from http/);
        const absent = await run(program, ['import', `${at}/nothing`], { env: daemon.env });
        assert.equal(absent.code, 1);
        assert.match(absent.stderr, /the server answers with status 404/);
      }
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('search asks version 1 of the protocol, and filters as docker does', { timeout: 60_000 }, async () => {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    const url = new URL(incoming.url ?? '', 'http://x');
    if (url.pathname !== '/v1/search') return void response.writeHead(404).end('{}');
    if (url.searchParams.get('q') === 'html')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>');
    const found = [
      { name: 'team/one', description: 'The first\nof all', star_count: 12, is_official: true, is_automated: false },
      { name: 'team/two', description: 'x'.repeat(80), star_count: 3, is_official: false, is_automated: true },
    ];
    const n = Number(url.searchParams.get('n'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ num_results: 2, results: found.slice(0, n) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await withDaemon(async (daemon) => {
      for (const program of ['docker', wharfPath]) {
        const search = (...args: string[]) => run(program, ['search', ...args], { env: daemon.env });
        const table = (await search(`${host}/team`)).stdout.split('\n');
        assert.match(table[0] ?? '', /^NAME +DESCRIPTION +STARS +OFFICIAL/);
        assert.match(table[1] ?? '', /^team\/one +The first of all +12 +\[OK\]/);
        assert.match(table[2] ?? '', /^team\/two +x{44}… +3/);
        const names = async (...args: string[]) =>
          (await search('--format', '{{.Name}}', ...args, `${host}/team`)).stdout.trim().split('\n').join(' ');
        assert.equal(await names('--limit', '1'), 'team/one');
        assert.equal(await names('-f', 'stars=5'), 'team/one');
        assert.equal(await names('-f', 'is-official=false'), 'team/two');
        const bad = await search('-f', 'colour=red', `${host}/team`);
        assert.match(bad.stderr, /invalid filter 'colour'/);
        const html = await search(`${host}/html`);
        assert.equal(html.code, 1);
        assert.equal(html.stderr.trim().split('\n').length, 1);
      }
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
  assert.ok(asked.includes('/v1/search?q=team&n=25'), asked.join('\n'));
});
