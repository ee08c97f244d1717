import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { createGzip, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import type { Digest } from '../../src/core/digest.ts';
import { connectRegistry } from '../../src/registry/index.ts';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';
import { storeDigest } from './support/store-digest.ts';
import { digestOf, OCI_MANIFEST } from './registry-lab.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry that answers as it is told to. */
async function withServer(answer: Answer, body: (host: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    if (request.url === '/v2/') response.end('{}');
    else answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await body(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

type Entry = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

async function tarOf(...entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry(header, content ?? '');
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

interface Claims {
  /** Of the uncompressed layer; wrong if nothing is said. */
  readonly diffId?: string;
  readonly digest?: string;
  readonly size?: number;
  readonly mediaType?: string;
  readonly config?: string;
}

/** Serves an image of one layer, and says about it what it is told to. */
function image(layer: Buffer, claims: Claims = {}): Answer {
  const config =
    claims.config ??
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [claims.diffId ?? digestOf('another layer')] },
    });
  const layerDigest = claims.digest ?? digestOf(layer);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
    layers: [
      {
        mediaType: claims.mediaType ?? 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: layerDigest,
        size: claims.size ?? layer.length,
      },
    ],
  });
  const files = new Map<string, Buffer | string>([
    [digestOf(config), config],
    [layerDigest, layer],
  ]);
  return (request, response) => {
    const body = request.url?.includes('/manifests/') ? manifest : files.get(request.url?.split('/').at(-1) ?? '');
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': OCI_MANIFEST }).end(body);
  };
}

/** A layer whose digest and diffID are right, so that only what is in it can be wrong. */
const honest = (tar: Buffer): Answer => image(gzipSync(tar), { diffId: digestOf(tar) });
const manifestOf =
  (manifest: string | Buffer, type = OCI_MANIFEST): Answer =>
  (request, response) => {
    if (request.url?.includes('/manifests/')) response.writeHead(200, { 'content-type': type }).end(manifest);
    else response.writeHead(404).end();
  };

const EMPTY_TAR = Buffer.alloc(10_240);

async function pulls(): Promise<readonly (readonly [name: string, answer: Answer, says: RegExp])[]> {
  const file = { name: 'f', content: 'x' };
  const cut = gzipSync(Buffer.concat([await tarOf({ name: 'f', content: randomBytes(100_000) })]));
  const zstdBomb = zstdCompressSync(Buffer.alloc(1_200_000_000));
  return [
    ['wrong diffID', image(gzipSync(EMPTY_TAR)), /content does not match its digest/],
    ['wrong digest', image(gzipSync(EMPTY_TAR), { digest: digestOf('y') }), /verification failed for digest/],
    ['truncated gzip', image(cut.subarray(0, 50_000)), /unexpected EOF/],
    ['corrupt gzip', image(Buffer.concat([cut.subarray(0, 40_000), randomBytes(200), cut.subarray(40_200)])), /./],
    ['corrupt zstd', image(Buffer.concat([zstdCompressSync(EMPTY_TAR).subarray(0, 9), randomBytes(99)])), /./],
    [
      'truncated tar',
      honest((await tarOf({ name: 'f', content: randomBytes(9000) })).subarray(0, 5000)),
      /unexpected EOF/,
    ],
    ['no tar', honest(randomBytes(100_000)), /invalid tar header/],
    ['shorter than said', image(gzipSync(EMPTY_TAR), { size: 1_000_000 }), /verification failed for digest/],
    ['longer than said', image(gzipSync(EMPTY_TAR), { size: 1 }), /verification failed for digest/],
    ['a bomb of gzip', image(gzipSync(Buffer.alloc(1_200_000_000))), /refusing a layer that grows from/],
    ['a bomb of zstd', image(zstdBomb), /refusing a layer that grows from/],
    ['a name that climbs', honest(await tarOf({ ...file, name: '../../../escaped' })), /invalid name in tar: "\.\./],
    ['a name that climbs later', honest(await tarOf({ ...file, name: 'a/../../escaped' })), /invalid name in tar/],
    [
      'a hard link that climbs',
      honest(await tarOf({ name: 'l', type: 'link', linkname: '../../../etc/passwd' })),
      /invalid name in tar: "\.\./,
    ],
    [
      'a hard link to a file of the host',
      honest(await tarOf({ name: 'l', type: 'link', linkname: '/etc/hostname' })),
      /hard link "l" to "\/etc\/hostname", which is not there/,
    ],
    [
      'a file behind a link that climbs',
      honest(
        await tarOf({ name: 'd/out', type: 'symlink', linkname: '../../tmp' }, { ...file, name: 'd/out/escaped' }),
      ),
      /invalid name in tar: "d\/out\/escaped" leads out of the layer by a link to "\.\.\/\.\.\/tmp"/,
    ],
    [
      'a file behind an absolute link that climbs',
      honest(await tarOf({ name: 'out', type: 'symlink', linkname: '/../tmp' }, { ...file, name: 'out/escaped' })),
      /invalid name in tar: "out\/escaped" leads out of the layer/,
    ],
    [
      'a hard link behind a link that climbs',
      honest(
        await tarOf(
          { name: 'out', type: 'symlink', linkname: '../etc' },
          { name: 'l', type: 'link', linkname: 'out/hostname' },
        ),
      ),
      /invalid name in tar: "l" leads out of the layer by a link to "\.\.\/etc"/,
    ],
    [
      'a whiteout behind a link that climbs',
      honest(await tarOf({ name: 'out', type: 'symlink', linkname: '../etc' }, { name: 'out/.wh.hostname' })),
      /leads out of the layer/,
    ],
    ['a whiteout that climbs', honest(await tarOf({ name: 'a/.wh...' })), /invalid whiteout/],
    ['bzip2', image(Buffer.from('BZh91AY&SY')), /bzip2 compression is not supported/],
    ['xz', image(Buffer.from('fd377a585a000004', 'hex')), /xz compression is not supported/],
    [
      'a foreign layer',
      image(EMPTY_TAR, { mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }),
      /unsupported layer media type .*foreign.*: such layers are not distributed by registries/,
    ],
    [
      'an unknown layer',
      image(EMPTY_TAR, { mediaType: 'application/x-rar' }),
      /unsupported layer media type application\/x-rar/,
    ],
    [
      'a config of one layer too few',
      image(EMPTY_TAR, { config: '{"rootfs":{"diff_ids":[]}}' }),
      /has 0 layers, its manifest 1/,
    ],
    ['a config that is a list', image(EMPTY_TAR, { config: '[]' }), /./],
    ['a config that is null', image(EMPTY_TAR, { config: 'null' }), /image config.* is no JSON object/],
    ['HTML', manifestOf('<html>', 'text/html; charset=utf-8'), /answered with a web page/],
    ['no JSON', manifestOf('hello'), /no JSON object/],
    [
      'schema 1',
      manifestOf('{"schemaVersion":1,"fsLayers":[]}', 'application/vnd.docker.distribution.manifest.v1+prettyjws'),
      /unsupported media type .*v1\+prettyjws/,
    ],
    [
      'an artifact',
      manifestOf(
        JSON.stringify({ schemaVersion: 2, config: { mediaType: 'application/vnd.oci.empty.v1+json' }, layers: [] }),
      ),
      /this is no container image/,
    ],
    [
      'layers that are none',
      manifestOf(
        JSON.stringify({
          schemaVersion: 2,
          config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('x'), size: 1 },
          layers: [null, 7],
        }),
      ),
      /./,
    ],
    ['an index of nonsense', manifestOf('{"schemaVersion":2,"manifests":[null,1,{}]}'), /./],
    [
      'an index that names itself',
      (request, response) => {
        const text = JSON.stringify({
          schemaVersion: 2,
          manifests: [
            {
              platform: { os: 'linux', architecture: 'amd64' },
              digest: digestOf('loop'),
              size: 1,
              mediaType: OCI_MANIFEST,
            },
          ],
        });
        response.writeHead(200).end(request.url?.includes('/manifests/') ? text : '');
      },
      /manifest verification failed for digest/,
    ],
    [
      'a manifest of 100 MB',
      (request, response) => {
        if (!request.url?.includes('/manifests/')) return void response.writeHead(404).end();
        response.writeHead(200, { 'content-type': OCI_MANIFEST });
        const piece = Buffer.alloc(1_000_000, 0x20);
        let sent = 0;
        const more = (): void => {
          while (sent++ < 100) if (!response.write(piece)) return void response.once('drain', more);
          response.end();
        };
        more();
      },
      /the registry sent a document that is too large/,
    ],
    [
      'redirects in a circle',
      (_, response) => response.writeHead(307, { location: '/v2/elsewhere' }).end(),
      /too many redirects/,
    ],
    ['a redirect to nowhere', (_, response) => response.writeHead(307, { location: 'gopher://x/' }).end(), /./],
    [
      'an error without words',
      (_, response) => response.writeHead(500).end(),
      /unexpected status from the registry: 500/,
    ],
  ];
}

async function refused(
  daemon: TestDaemon,
  before: string,
  name: string,
  args: readonly string[],
  says: RegExp,
  input?: Buffer,
) {
  const outcome = await run(wharfPath, args, { env: daemon.env, ...(input && { input }) });
  assert.equal(outcome.code, 1, `${name}: ${outcome.stdout}`);
  assert.match(outcome.stderr, says, name);
  assert.equal(outcome.stderr.trim().split('\n').length, 1, `${name}: ${outcome.stderr}`);
  assert.doesNotMatch(outcome.stderr, /TypeError|undefined|\bat .*:\d+:\d+/, name);
  assert.equal(storeDigest(daemon.dataRoot), before, `${name}: the store has changed`);
}

test('hostile registries: each is refused in one line, and the store is as it was', { timeout: 280_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const before = storeDigest(daemon.dataRoot);
    for (const [name, answer, says] of await pulls()) {
      await withServer(answer, (host) => refused(daemon, before, name, ['pull', '-q', `${host}/a:1`], says));
    }
    assert.equal(existsSync('/escaped') || existsSync('/tmp/escaped'), false);
    // One that takes the connection and says nothing.
    const sockets = new Set<Socket>();
    const silent = createSocketServer((socket) => void sockets.add(socket.on('error', () => undefined)));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await refused(daemon, before, 'silence', ['pull', '-q', `127.0.0.1:${port}/a:1`], /i\/o timeout/);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

test('absolute names and links, which real images have, stay below the root', { timeout: 60_000 }, async () => {
  const layer = await tarOf(
    { name: '/etc/absolute', content: 'inside' },
    { name: 'run', type: 'directory' },
    { name: 'var/run', type: 'symlink', linkname: '/run' },
    { name: 'var/run/pid', content: 'inside' },
    { name: 'climbs', type: 'symlink', linkname: '../../../../etc/os-release' },
    { name: '/hard', type: 'link', linkname: '/etc/absolute' },
  );
  await withDaemon(async (daemon) => {
    await withServer(honest(layer), async (host) => {
      const ok = async (...args: string[]): Promise<string> => {
        const outcome = await run(wharfPath, args, { env: daemon.env });
        assert.equal(outcome.code, 0, outcome.stderr);
        return outcome.stdout.trim();
      };
      await ok('pull', '-q', `${host}/a:1`);
      const fs = await ok('image', 'inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', `${host}/a:1`);
      assert.equal(readFileSync(join(fs, 'etc/absolute'), 'utf8'), 'inside');
      assert.equal(readFileSync(join(fs, 'run/pid'), 'utf8'), 'inside');
      assert.equal(statSync(join(fs, 'hard')).ino, statSync(join(fs, 'etc/absolute')).ino);
      assert.equal(readlinkSync(join(fs, 'climbs')), '../../../../etc/os-release');
      assert.equal(existsSync('/etc/absolute') || existsSync('/run/pid'), false);
    });
  });
});

test('a registry that stops in the middle is given up after five attempts without a byte', {
  timeout: 60_000,
}, async () => {
  const bytes = randomBytes(100_000);
  let asked = 0;
  const stalls: Answer = (_, response) => {
    asked++;
    response.writeHead(asked === 1 ? 200 : 206, {
      'content-length': bytes.length,
      'content-range': 'bytes 50000-99999/100000',
    });
    if (asked === 1) response.write(bytes.subarray(0, 50_000));
    else response.flushHeaders();
  };
  await withServer(stalls, async (host) => {
    const options = { insecureRegistries: [], registryMirrors: [], auth: undefined, idleMs: 200 };
    using client = await connectRegistry(host, 'a', {
      ...options,
      actions: 'pull',
      signal: new AbortController().signal,
    });
    await assert.rejects(
      async () => {
        for await (const _ of client.blob(digestOf(bytes) as Digest));
      },
      { code: 'DOWNLOAD_BROKEN_OFF', message: /broke off at byte 50000, and five attempts in a row brought no more/ },
    );
  });
  assert.equal(asked, 5);
});

suite('hostile archives', () => {
  test('load and import refuse them in one line, and the store is as it was', { timeout: 120_000 }, async () => {
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const before = storeDigest(daemon.dataRoot);
      const config =
        '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["' + digestOf('x') + '"]}}';
      const docker = (layers: string, extra: readonly Entry[] = []) =>
        tarOf(
          {
            name: 'manifest.json',
            content: JSON.stringify([{ Config: 'c.json', RepoTags: ['a:1'], Layers: [layers] }]),
          },
          { name: 'c.json', content: config },
          ...extra,
        );
      const loads: readonly (readonly [name: string, archive: Buffer, says: RegExp])[] = [
        ['nothing', Buffer.alloc(0), /does not contain a manifest\.json/],
        ['no tar', randomBytes(10_000), /invalid tar header/],
        ['a name that climbs', await tarOf({ name: '../../escaped', content: 'x' }), /invalid name in tar/],
        ['an absolute layer', await docker('/etc/passwd'), /"\/etc\/passwd" is missing/],
        ['a layer that climbs', await docker('../../../../etc/passwd'), /is missing/],
        [
          'a layer behind a link',
          await docker('l/passwd', [{ name: 'l', type: 'symlink', linkname: '/etc' }]),
          /is missing/,
        ],
        [
          'a layer that is a link out',
          await docker('l', [{ name: 'l', type: 'symlink', linkname: '/etc/passwd' }]),
          /is missing/,
        ],
        [
          'a layer that is a device',
          await docker('l', [{ name: 'l', type: 'character-device', devmajor: 1, devminor: 5 }]),
          /device|is missing/,
        ],
        ['a layer that is a pipe', await docker('l', [{ name: 'l', type: 'fifo' }]), /is missing|not allowed/],
        ['another layer', await docker('l', [{ name: 'l', content: EMPTY_TAR }]), /invalid diffID for layer 0/],
        ['no list', await tarOf({ name: 'manifest.json', content: '{}' }), /manifest\.json is not a list/],
        ['a list of nothing', await tarOf({ name: 'manifest.json', content: '[null]' }), /is missing/],
        ['no JSON', await tarOf({ name: 'manifest.json', content: '[' }), /manifest\.json is not JSON/],
        [
          'a bad name',
          await tarOf(
            { name: 'manifest.json', content: '[{"Config":"c","RepoTags":["A B"],"Layers":[]}]' },
            { name: 'c', content: '{"rootfs":{"diff_ids":[]}}' },
          ),
          /invalid reference format/,
        ],
        [
          'a layout of nothing',
          await tarOf({ name: 'index.json', content: '{"manifests":[]}' }),
          /holds no image for linux/,
        ],
        [
          'a huge manifest',
          await tarOf({ name: 'manifest.json', content: Buffer.alloc(100_000_000, 0x20) }),
          /too large/,
        ],
      ];
      for (const [name, archive, says] of loads) await refused(daemon, before, name, ['load'], says, archive);
      for (const [name, archive, says] of [
        ['import of nonsense', randomBytes(5000), /invalid tar header/],
        ['import of a name that climbs', await tarOf({ name: 'a/../../x', content: 'x' }), /invalid name in tar/],
        ['import with a bad change', await tarOf({ name: 'a', content: 'x' }), /RUNN is not a valid change command/],
      ] as const) {
        await refused(
          daemon,
          before,
          name,
          ['import', '-c', name.endsWith('change') ? 'RUNN x' : 'CMD x', '-', 'b:1'],
          says,
          archive,
        );
      }
      // Nobody reads the device: an archive of devices would be read for ever.
      const work = join(daemon.directory, 'bomb');
      mkdirSync(work);
      const bomb = createGzip();
      bomb.pipe(createWriteStream(join(work, 'bomb.tgz')));
      const size = 1_500_000_000;
      const [header] = [(await tarOf({ name: 'layer', size: 0 })).subarray(0, 512)];
      header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
      header.fill(0x20, 148, 156);
      header.write(
        `${header
          .reduce((sum, c) => sum + c, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
        148,
        'latin1',
      );
      bomb.write(header);
      for (let i = 0; i < size; i += 5_000_000) if (!bomb.write(Buffer.alloc(5_000_000))) await once(bomb, 'drain');
      bomb.end();
      await once(bomb, 'close');
      assert.ok(statSync(join(work, 'bomb.tgz')).size < 2_000_000);
      await refused(daemon, before, 'a bomb', ['load', '-i', join(work, 'bomb.tgz')], /refusing|grows/);
      await refused(
        daemon,
        before,
        'a bomb to import',
        ['import', join(work, 'bomb.tgz'), 'c:1'],
        /refusing a layer that grows/,
      );
      writeFileSync(join(work, 'end'), '');
    });
  });
});
