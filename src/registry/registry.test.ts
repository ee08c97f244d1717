import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { sha256 } from '../core/digest.ts';
import { parseChallenges } from './challenge.ts';
import { connectRegistry } from './client.ts';
import { endpointsOf, isInsecure, parseMirror } from './endpoints.ts';

const NONE = { insecureRegistries: [], registryMirrors: [] };

suite('challenges', () => {
  const cases: readonly (readonly [header: string, read: unknown])[] = [
    ['', []],
    ['Basic realm="x"', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    [
      'Bearer realm="https://a/t?x=1,2",service="s",scope="repository:a/b:pull,push"',
      [
        {
          scheme: 'bearer',
          parameters: { realm: 'https://a/t?x=1,2', service: 's', scope: 'repository:a/b:pull,push' },
        },
      ],
    ],
    [
      'BEARER Realm="a", Basic realm="b \\"q\\""',
      [
        { scheme: 'bearer', parameters: { realm: 'a' } },
        { scheme: 'basic', parameters: { realm: 'b "q"' } },
      ],
    ],
    [
      'Negotiate, Basic realm=plain',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'plain' } },
      ],
    ],
  ];
  for (const [header, read] of cases) test(header || '(empty)', () => assert.deepEqual(parseChallenges(header), read));
});

test('where a registry is looked for', () => {
  const bases = (registry: string, options = NONE): string[] => endpointsOf(registry, options).map(({ base }) => base);
  assert.deepEqual(bases('docker.io'), ['https://registry-1.docker.io']);
  assert.deepEqual(bases('docker.io', { ...NONE, registryMirrors: ['https://m.example/'] } as never), [
    'https://m.example',
    'https://registry-1.docker.io',
  ]);
  const own = { ...NONE, registryMirrors: ['r.example:5000=http://m.example/r/', 'https://hub.example'] } as never;
  assert.deepEqual(bases('r.example:5000', own), ['http://m.example/r', 'https://r.example:5000']);
  assert.deepEqual(bases('docker.io', own), ['https://hub.example', 'https://registry-1.docker.io']);
  for (const bad of ['m.example', 'ftp://m', 'https://u:p@m', 'https://m?x=1', 'r.example=m', '']) {
    assert.throws(
      () => parseMirror(bad),
      { code: 'BAD_REGISTRY_OPTION', message: new RegExp(`^invalid mirror "`) },
      bad,
    );
  }
  assert.deepEqual(bases('r.example:5000'), ['https://r.example:5000']);
  assert.deepEqual(bases('localhost:5000'), ['https://localhost:5000', 'http://localhost:5000']);
  for (const [host, insecure, is] of [
    ['127.0.0.1:5000', [], true],
    ['127.9.9.9', [], true],
    ['[::1]:5000', [], true],
    ['10.1.2.3:80', [], false],
    ['10.1.2.3:80', ['10.0.0.0/8'], true],
    ['r.example:5000', ['r.example:5000'], true],
    ['r.example:5001', ['r.example:5000'], false],
  ] as const) {
    assert.equal(isInsecure(host, insecure), is, host);
  }
});

/** A registry of one repository that wants a token, and keeps what is sent to it. */
async function startRegistry(
  t: TestContext,
): Promise<{ readonly host: string; readonly seen: string[]; readonly blobs: Map<string, Buffer> }> {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, Buffer>();
  const seen: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    const body = Buffer.concat((await request.toArray()) as Buffer[]);
    if (url.pathname === '/token') {
      seen.push(`token ${url.searchParams.get('scope')} ${request.headers.authorization ?? 'anonymous'}`);
      const bad = request.headers.authorization === `Basic ${Buffer.from('u:wrong').toString('base64')}`;
      response.writeHead(bad ? 401 : 200).end(JSON.stringify({ access_token: 'T' }));
      return;
    }
    if (url.pathname === '/cdn') {
      seen.push(`cdn ${request.headers.authorization ?? 'no credentials'}`);
      response.end(blobs.get(url.searchParams.get('digest') ?? ''));
      return;
    }
    if (request.headers.authorization !== 'Bearer T') {
      const realm = `http://${request.headers.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="test"` }).end();
      return;
    }
    const [, kind, name = ''] = /^\/v2\/a\/b\/(blobs|manifests)\/(.*)$/.exec(url.pathname) ?? [];
    const digest = url.searchParams.get('digest');
    if (url.pathname === '/v2/a/b/blobs/uploads/')
      response.writeHead(202, { location: '/v2/a/b/blobs/uploads/1?state=x' }).end();
    else if (kind === 'blobs' && request.method === 'PUT' && digest !== null) {
      blobs.set(digest, body);
      response.writeHead(201).end();
    } else if (kind === 'blobs' && blobs.has(name)) {
      // Content is elsewhere: another name of this machine stands for another host.
      const { port } = new URL(url.href);
      if (request.method === 'HEAD') response.end();
      else response.writeHead(307, { location: `http://localhost:${port}/cdn?digest=${name}` }).end();
    } else if (kind === 'manifests' && request.method === 'PUT') {
      manifests.set(name, body);
      response.writeHead(201).end();
    } else if (kind === 'manifests' && manifests.has(name)) {
      response.writeHead(200, { 'content-type': 'application/x' }).end(manifests.get(name));
    } else {
      const errors = [{ code: kind === 'manifests' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN', message: 'not here' }];
      response.writeHead(404).end(JSON.stringify({ errors }));
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen, blobs };
}

const SIGNAL = new AbortController().signal;

test('pushes and pulls with a token, which is not sent to other hosts', async (t) => {
  const { host, seen, blobs } = await startRegistry(t);
  const auth = { username: 'u', password: 'p' };
  using client = await connectRegistry(host, 'a/b', { ...NONE, auth, actions: 'pull,push', signal: SIGNAL });
  const blob = Buffer.from('layer');
  const digest = sha256(blob);
  assert.equal(await client.hasBlob(digest), false);
  await client.upload(digest, blob.length, () => blob);
  assert.equal(await client.hasBlob(digest), true);
  const pieces: Buffer[] = [];
  for await (const piece of client.blob(digest)) pieces.push(piece);
  assert.equal(Buffer.concat(pieces).toString(), 'layer');
  await client.putManifest('1', Buffer.from('{}'), 'application/x');
  assert.equal((await client.manifest('1')).digest, sha256('{}'));
  assert.deepEqual(seen, [
    `token repository:a/b:pull,push Basic ${Buffer.from('u:p').toString('base64')}`,
    'cdn no credentials',
  ]);

  blobs.set(digest, Buffer.from('other'));
  await assert.rejects(
    async () => {
      for await (const _ of client.blob(digest));
    },
    { message: `filesystem layer verification failed for digest ${digest}` },
  );
  await assert.rejects(client.manifest('2'), { code: 'REGISTRY_NOT_FOUND', message: 'manifest unknown: not here' });
});

test('wrong credentials and absent registries are told in one line', async (t) => {
  const { host } = await startRegistry(t);
  const auth = { username: 'u', password: 'wrong' };
  using client = await connectRegistry(host, 'a/b', { ...NONE, auth, actions: 'pull', signal: SIGNAL });
  await assert.rejects(client.manifest('1'), { status: 401, message: 'unauthorized: incorrect username or password' });
  await assert.rejects(
    connectRegistry('127.0.0.1:1', 'a/b', { ...NONE, auth: undefined, actions: 'pull', signal: SIGNAL }),
    {
      status: 500,
      message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    },
  );
  const aborted = AbortSignal.abort();
  await assert.rejects(connectRegistry(host, 'a/b', { ...NONE, auth: undefined, actions: 'pull', signal: aborted }), {
    name: 'AbortError',
  });
});
