import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Digest } from '../../src/core/digest.ts';
import { connectRegistry } from '../../src/registry/index.ts';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';
import { digestOf, withRegistry } from './registry-lab.ts';

const OPTIONS = { insecureRegistries: [], registryMirrors: [], auth: undefined };
const signal = new AbortController().signal;

/** A registry that answers as it is told to. */
async function withServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  body: (host: string) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    if (request.url === '/v2/') response.end('{}');
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await body(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function download(host: string, digest: string, sizeBytes?: number): Promise<Buffer> {
  using client = await connectRegistry(host, 'a', { ...OPTIONS, actions: 'pull', signal });
  const pieces: Buffer[] = [];
  const options = sizeBytes === undefined ? {} : { sizeBytes };
  for await (const piece of client.blob(digest as Digest, options)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('a download that breaks goes on from there, with and without ranges', { timeout: 60_000 }, async () => {
  const bytes = randomBytes(300_000);
  for (const ranges of [true, false]) {
    const asked: (string | undefined)[] = [];
    await withServer(
      (request, response) => {
        asked.push(request.headers.range);
        const start = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
        const status = start > 0 ? 206 : 200;
        const range = start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
        response.writeHead(status, { 'content-length': bytes.length - start, ...range });
        const end = asked.length < 3 ? 100_000 * asked.length : bytes.length;
        response.write(bytes.subarray(start, end), () => (asked.length < 3 ? response.destroy() : response.end()));
      },
      async (host) => assert.ok((await download(host, digestOf(bytes), bytes.length)).equals(bytes)),
    );
    assert.equal(asked.length, 3);
    assert.deepEqual(asked.slice(0, 2), [undefined, 'bytes=100000-']);
  }
});

test('a registry that lies about bytes, sizes or kinds is refused in one line', async () => {
  const bytes = Buffer.from('x'.repeat(1000));
  const cases: [name: string, answer: (response: ServerResponse) => void, sizeBytes: number, error: RegExp][] = [
    ['other bytes', (r) => r.end('y'.repeat(1000)), 1000, /verification failed for digest/],
    ['too many bytes', (r) => r.end('x'.repeat(2000)), 1000, /verification failed for digest/],
    ['too few bytes', (r) => r.end('x'.repeat(10)), 1000, /verification failed for digest/],
    [
      'redirects in a circle',
      (r) => r.writeHead(307, { location: '/v2/a/blobs/again' }).end(),
      1000,
      /too many redirects/,
    ],
    ['forbidden', (r) => r.writeHead(403).end('{"errors":[{"code":"DENIED","message":"no"}]}'), 1000, /denied: no/],
  ];
  for (const [name, answer, sizeBytes, error] of cases) {
    await withServer(
      (_, response) => answer(response),
      (host) => assert.rejects(download(host, digestOf(bytes), sizeBytes), error, name),
    );
  }
});

test('login tries the credentials; pulls and pushes use them; the registry is asked without pulling', {
  timeout: 120_000,
}, async () => {
  await withRegistry(async (outer) => {
    const file = join(outer.directory, 'htpasswd');
    writeFileSync(file, `ann:{SHA}${createHash('sha1').update('secret').digest('base64')}\n`);
    await withRegistry(
      async (registry) => {
        await withDaemon(async (daemon) => {
          await importBusybox(daemon.socket);
          const wharf = (...args: string[]) => run(wharfPath, args, { env: daemon.env });
          const docker = (...args: string[]) => run('docker', args, { env: daemon.env });
          const name = `${registry.host}/team/app:1`;
          await wharf('tag', 'busybox', name);
          const refused = await wharf('push', name);
          assert.equal(refused.code, 1);
          assert.match(refused.stderr, /no basic auth credentials|authentication required/);
          assert.equal((await docker('login', '-u', 'ann', '-p', 'wrong', registry.host)).code, 1);
          const login = await docker('login', '-u', 'ann', '-p', 'secret', registry.host);
          assert.match(login.stdout, /Login Succeeded/, login.stderr);
          assert.equal((await wharf('push', name)).code, 0);
          const inspected = await docker('manifest', 'inspect', '--insecure', name);
          assert.match(inspected.stdout, /"schemaVersion": 2/, inspected.stderr);
          const remote = await run('curl', [
            '-s',
            '--unix-socket',
            daemon.socket,
            '-H',
            `X-Registry-Auth: ${Buffer.from('{"username":"ann","password":"secret"}').toString('base64url')}`,
            `http://d/distribution/${name}/json`,
          ]);
          assert.match(remote.stdout, /"Platforms":\[\{"architecture":"[a-z0-9]+","os":"linux"/);
          await wharf('rmi', name);
          assert.equal((await wharf('pull', '-q', name)).code, 0);
          assert.equal((await wharf('logout', registry.host)).code, 0);
          await wharf('rmi', name);
          assert.equal((await wharf('pull', '-q', name)).code, 1);
        });
      },
      { htpasswd: file },
    );
  });
});
