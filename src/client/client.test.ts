import assert from 'node:assert/strict';
import http from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { ApiError, createClient } from './index.ts';

/** A server on a unix socket of its own, gone with the test. */
async function serve(t: TestContext, handler: http.RequestListener): Promise<{ host: string; server: http.Server }> {
  const folder = await mkdtemp(join(tmpdir(), 'wharf-client-'));
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  return { host: `unix://${join(folder, 's')}`, server };
}

test('an older engine is spoken to in its own version, found out from its refusal', async (t) => {
  const seen: string[] = [];
  const { host } = await serve(t, (request, response) => {
    seen.push(request.url ?? '');
    request.resume();
    if (request.url?.startsWith('/v1.50/')) {
      response.writeHead(400, { 'Content-Type': 'application/json' });
      response.end('{"message":"client version 1.50 is too new. Maximum supported API version is 1.41"}\n');
    } else response.end('[]');
  });
  const client = createClient({ host });
  assert.deepEqual(await client.containers.list({ all: true }), []);
  assert.deepEqual(await client.containers.list(), []);
  assert.deepEqual(seen, ['/v1.50/containers/json?all=1', '/v1.41/containers/json?all=1', '/v1.41/containers/json']);
});

test('a request with a body asks for the version first', async (t) => {
  const seen: string[] = [];
  const { host } = await serve(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.setHeader('Api-Version', '1.41');
    request.resume();
    request.on('end', () => response.end(request.url === '/_ping' ? 'OK' : '{"stream":"Loaded"}'));
  });
  const messages = [];
  for await (const m of createClient({ host }).images.load(Readable.from(['tar']))) messages.push(m);
  assert.deepEqual(messages, [{ stream: 'Loaded' }]);
  assert.deepEqual(seen, ['HEAD /_ping', 'POST /v1.41/images/load?quiet=0']);
});

test("failures carry the engine's status and words", async (t) => {
  const { host } = await serve(t, (_request, response) => {
    response.writeHead(404, { 'Content-Type': 'application/json' });
    response.end('{"message":"No such container: x"}');
  });
  await assert.rejects(
    createClient({ host }).containers.inspect('x'),
    (e) => e instanceof ApiError && e.status === 404 && e.message === 'No such container: x',
  );
});

test('no engine, and a bad host', async () => {
  await assert.rejects(createClient({ host: 'unix:///nonexistent/s' }).info(), {
    code: 'CANNOT_CONNECT',
    message: 'Cannot connect to the Docker daemon at unix:///nonexistent/s. Is the docker daemon running?',
  });
  assert.throws(() => createClient({ host: 'gopher://x' }), { code: 'INVALID_HOST' });
  for (const host of ['ssh://-oProxyCommand=x', 'ssh://u:secret@x', 'ssh://x/a b', "ssh://x/'"]) {
    assert.throws(() => createClient({ host }), { code: 'INVALID_HOST' }, host);
  }
});

test('wait resolves with the headers, its answer comes later', async (t) => {
  const { host, server } = await serve(t, (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    server.once('exit-now', () => response.end('{"StatusCode":7}\n'));
  });
  const { done } = await createClient({ host }).containers.wait('x', 'next-exit');
  server.emit('exit-now');
  assert.deepEqual(await done, { StatusCode: 7 });
});

for (const status of [101, 200]) {
  test(`a connection taken over with ${status} works both ways and half closes`, async (t) => {
    const { host, server } = await serve(t, () => undefined);
    server.on('upgrade', (request: http.IncomingMessage, socket, head) => {
      assert.equal(head.length, 0);
      assert.equal(request.url, '/v1.50/containers/x/attach?stdin=1&stdout=1&stream=1');
      socket.write(
        status === 101
          ? 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nready '
          : 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nready ',
      );
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => socket.end(`got ${text}`));
    });
    const stream = await createClient({ host, apiVersion: '1.50' }).containers.attach('x', {
      stdin: true,
      stdout: true,
    });
    stream.end('hello');
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    assert.equal(text, 'ready got hello');
  });
}

test('an attach that is refused', async (t) => {
  const { host, server } = await serve(t, () => undefined);
  server.on('upgrade', (_request, socket) => {
    socket.end(
      'HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container: x\r\n',
    );
  });
  await assert.rejects(createClient({ host, apiVersion: '1.50' }).containers.attach('x', {}), {
    status: 404,
    message: 'No such container: x',
  });
});
