import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { Builder } from '../build/index.ts';
import { defineError } from '../core/errors.ts';
import { frameHeader } from '../core/frames.ts';
import type { ExecInspect } from '../core/wire/container.ts';
import { silentLogger } from '../core/log.ts';
import type { Engine } from '../engine/index.ts';
import { Subscription } from '../engine/events/subscription.ts';
import { createApi } from './server.ts';

/** What stands behind the HTTP surface here: only what a test needs of it. */
interface Behind {
  readonly containers?: Partial<Engine['containers']>;
  readonly execs?: Partial<Engine['execs']>;
  readonly images?: Partial<Engine['images']>;
  readonly events?: Partial<Engine['events']>;
  readonly build?: Builder['build'];
}

const noSuchContainer = defineError('X', 'notFound', (f: { ref: string }) => `No such container: ${f.ref}`);

async function serve(t: TestContext, behind: Behind) {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-api-'));
  const path = join(directory, 'api.sock');
  const api = createApi({
    engine: behind as unknown as Engine,
    builder: { build: behind.build } as unknown as Builder,
    log: silentLogger,
  });
  assert.equal(await api.listen(`unix://${path}`), `unix://${path}`);
  t.after(async () => {
    await api.close(0);
    rmSync(directory, { recursive: true });
  });
  return { api, path };
}

/** Sends bytes, gives all that comes back until the other side closes. */
function talk(path: string, bytes: string, then?: (socket: Socket, soFar: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      then?.(socket, text);
    });
    socket.once('end', () => {
      socket.end();
      resolve(text);
    });
    socket.once('error', reject);
    socket.write(bytes);
  });
}

const get = (path: string, target: string, method = 'GET', headers = '') =>
  talk(path, `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`);

/** What the API asks of an exec before it starts it. */
function execInspect(tty: boolean): Engine['execs']['inspect'] {
  return async () => ({ ProcessConfig: { tty } }) as ExecInspect;
}

/** Stdio that gives back what it gets, each piece in brackets, and says `end` at the end of its input. */
function echo(): Duplex {
  const out = new PassThrough();
  const inward = new PassThrough();
  inward.on('data', (b: Buffer) => out.write(`[${b.toString()}]`));
  inward.once('end', () => out.end('end'));
  return Duplex.from({ readable: out, writable: inward });
}

test('ping: headers and body for GET, headers alone for HEAD, versioned or not', async (t) => {
  const { path } = await serve(t, {});
  const answer = await get(path, '/_ping');
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n/);
  for (const header of ['Api-Version: 1.50', 'Docker-Experimental: false', 'Ostype: linux', 'Builder-Version: 2'])
    assert.ok(answer.includes(`${header}\r\n`), header);
  assert.ok(answer.endsWith('\r\n\r\nOK'));
  assert.ok((await get(path, '/v1.24/_ping', 'HEAD')).endsWith('\r\n\r\n'));
});

test('an unknown path, a known one with another method, and versions out of range', async (t) => {
  const { path } = await serve(t, {});
  for (const [target, method] of [
    ['/nope', 'GET'],
    ['/v1.44/containers/json', 'PUT'],
  ] as const) {
    const answer = await get(path, target, method);
    assert.match(answer, /^HTTP\/1.1 404 Not Found\r\n/);
    assert.ok(answer.endsWith('{"message":"page not found"}\n'));
    assert.ok(!answer.includes('Api-Version'));
  }
  assert.match(await get(path, '/v1.99/_ping'), /^HTTP\/1.1 400 .*Maximum supported API version is 1.50"}\n$/s);
  assert.match(await get(path, '/v1.12/_ping'), /^HTTP\/1.1 400 .*Minimum supported API version is 1.24/s);
  assert.match(await get(path, '/nodes'), /^HTTP\/1.1 503 .*This node is not a swarm manager/s);
});

test('a body must be announced as JSON', async (t) => {
  const { path } = await serve(t, {});
  const headers = 'Content-Type: text/plain\r\nContent-Length: 2\r\n';
  const answer = await talk(
    path,
    `POST /containers/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n{}`,
  );
  assert.match(answer, /^HTTP\/1.1 400 /);
  assert.ok(answer.includes("unsupported Content-Type header (text/plain): must be 'application/json'"));
});

test('mistakes of ours are 500 with their message, never a stack', async (t) => {
  const list = () => Promise.reject(new Error('oh dear'));
  const { path } = await serve(t, { containers: { list } });
  const answer = await get(path, '/containers/json');
  assert.match(answer, /^HTTP\/1.1 500 /);
  assert.ok(answer.endsWith('{"message":"oh dear"}\n'));
});

test('attach: 101, what is sent is stdin, half close is its end, output comes until the container closes', async (t) => {
  const seen: unknown[] = [];
  const attach: Engine['containers']['attach'] = async (ref, options) => {
    seen.push(ref, options.stdin, options.stderr);
    return { tty: false, stream: echo() };
  };
  const { path } = await serve(t, { containers: { attach } });
  const head =
    'POST /v1.44/containers/web/attach?stdin=1&stdout=1&stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n';
  // The body says nothing here, and is not stdin.
  const answer = await talk(path, `${head}{}early`, (socket, text) => {
    if (text.includes('[early]') && !text.includes('[late]')) socket.end('late');
  });
  assert.match(answer, /^HTTP\/1.1 101 UPGRADED\r\nContent-Type: application\/vnd.docker.multiplexed-stream\r\n/);
  assert.ok(answer.endsWith('\r\n\r\n[early][late]end'), answer);
  assert.deepEqual(seen, ['web', true, false]);
});

test('attach without upgrade: 200 and raw bytes both ways', async (t) => {
  const attach: Engine['containers']['attach'] = async () => ({ tty: true, stream: echo() });
  const { path } = await serve(t, { containers: { attach } });
  const head = 'POST /containers/web/attach?stdin=1&stdout=1&stream=1 HTTP/1.1\r\nHost: x\r\n\r\n';
  const answer = await talk(path, head, (socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.end('GET /_ping HTTP/1.1\r\n\r\n');
  });
  assert.equal(
    answer,
    'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n[GET /_ping HTTP/1.1\r\n\r\n]end',
  );
});

test('attach to nothing: plain text over the raw connection', async (t) => {
  const attach = () => Promise.reject(noSuchContainer({ ref: 'web' }));
  const { path } = await serve(t, { containers: { attach } });
  for (const upgrade of ['', 'Connection: Upgrade\r\nUpgrade: tcp\r\n']) {
    const answer = await talk(path, `POST /containers/web/attach HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
    assert.match(answer, /^HTTP\/1.1 404 Not Found\r\nContent-Type: application\/vnd.docker.raw-stream\r\n/);
    assert.ok(answer.endsWith('\r\n\r\nNo such container: web\r\n'));
  }
});

test('a client that leaves an attach only detaches', async (t) => {
  const stream = echo();
  const closed = new Promise((resolve) => stream.once('close', resolve));
  const attach: Engine['containers']['attach'] = async () => ({ tty: false, stream });
  const { path } = await serve(t, { containers: { attach } });
  const socket = connect(path);
  socket.write(
    'POST /containers/web/attach?stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
  );
  socket.once('data', () => socket.destroy());
  await closed;
});

for (const [name, body] of [
  ['a length', 'Content-Length: 12\r\n\r\n{"Tty":true}'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"Tty\r\n7\r\n":true}\r\n0\r\n\r\n'],
] as const)
  test(`exec start: the JSON body (sent with ${name}) comes before the stream`, async (t) => {
    const requests: unknown[] = [];
    const start: Engine['execs']['start'] = async (id, request) => {
      requests.push(id, request);
      return { tty: request.Tty === true, stream: echo() };
    };
    const { path } = await serve(t, { execs: { start, inspect: execInspect(true) } });
    const head =
      'POST /exec/e1/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n';
    const answer = await talk(path, `${head}${body}typed`, (socket, text) => {
      if (text.endsWith('[typed]')) socket.end();
    });
    assert.match(answer, /^HTTP\/1.1 101 UPGRADED\r\nContent-Type: application\/vnd.docker.raw-stream\r\n/);
    assert.ok(answer.endsWith('[typed]end'), answer);
    assert.deepEqual(requests, ['e1', { Tty: true }]);
  });

test('exec start: a failure is told on the stream, as a frame', async (t) => {
  const failure = defineError('Y', 'conflict', (_: Record<never, never>) => 'exec command e1 has already run');
  const execs = { start: () => Promise.reject(failure({})), inspect: execInspect(false) };
  const { path } = await serve(t, { execs });
  const head = 'POST /exec/e1/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n';
  const answer = await talk(path, `${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
  const text = 'exec command e1 has already run\r\n';
  assert.ok(answer.endsWith(`\r\n\r\n${frameHeader(1, text.length).toString('latin1')}${text}`));
});

test('wait: headers when the waiting begins, the answer when it ends', async (t) => {
  const exit = Promise.withResolvers<{ StatusCode: number }>();
  const { path } = await serve(t, { containers: { wait: async () => ({ done: exit.promise }) } });
  const answer = await talk(
    path,
    'POST /containers/web/wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    (_, text) => {
      if (text.includes('\r\n\r\n')) exit.resolve({ StatusCode: 3 });
    },
  );
  assert.match(answer, /^HTTP\/1.1 200 OK.*\{"StatusCode":3\}\n/s);
  assert.match(
    await get(path, '/containers/web/wait?condition=never', 'POST'),
    /400 .*invalid condition: \\"never\\"/s,
  );
});

test('a client that leaves ends the wait', async (t) => {
  const aborted = Promise.withResolvers<void>();
  const wait: Engine['containers']['wait'] = async (_ref, _condition, signal) => {
    signal.addEventListener('abort', () => aborted.resolve());
    return { done: new Promise(() => undefined) };
  };
  const { path } = await serve(t, { containers: { wait } });
  const socket = connect(path);
  socket.write('POST /containers/web/wait HTTP/1.1\r\nHost: x\r\n\r\n');
  socket.once('data', () => socket.destroy());
  await aborted.promise;
});

test('build: nothing is sent before the context was read; objects end in CR LF; late errors are told in the stream', async (t) => {
  const asked: unknown[] = [];
  const build: Builder['build'] = async (request, onMessage) => {
    const { context, ...rest } = request;
    asked.push(rest.tags, rest.buildArgs, rest.dockerfile, rest.labels);
    onMessage({ stream: 'Step 1/1 : RUN <x> & y\n' });
    for await (const _ of context);
    throw defineError('Z', 'invalid', () => "The command '/bin/sh -c x' returned a non-zero code: 7")({});
  };
  const { path } = await serve(t, { build });
  const query = `t=a:1&t=b&buildargs=${encodeURIComponent('{"A":"1","B":null}')}&labels=${encodeURIComponent('{"l":"v"}')}`;
  let early = '';
  const answer = await new Promise<string>((resolve, reject) => {
    const req = httpRequest({ socketPath: path, method: 'POST', path: `/build?${query}` }, (res) => {
      assert.equal(res.statusCode, 200);
      let text = '';
      res.on('data', (b: Buffer) => (text += b.toString()));
      res.on('end', () => resolve(text));
    });
    req.on('error', reject);
    req.once('socket', (socket) => socket.on('data', (b: Buffer) => (early += b.toString())));
    req.write('half', () =>
      setImmediate(() => {
        assert.equal(early, '');
        req.end('rest');
      }),
    );
  });
  const message = "The command '/bin/sh -c x' returned a non-zero code: 7";
  assert.equal(
    answer,
    `{"stream":"Step 1/1 : RUN \\u003cx\\u003e \\u0026 y\\n"}\r\n${JSON.stringify({ errorDetail: { code: 7, message }, error: message })}\r\n`,
  );
  assert.deepEqual(asked, [['a:1', 'b'], { A: '1', B: null }, 'Dockerfile', { l: 'v' }]);
});

test('build: an error before the first object is an HTTP error', async (t) => {
  const failure = defineError('Z', 'invalid', () => 'dockerfile parse error on line 1: unknown instruction: FRM');
  const at = { file: 'Dockerfile', line: 1, column: 1 };
  const { path } = await serve(t, { build: () => Promise.reject(failure({}, { at })) });
  const answer = await get(path, '/build', 'POST', 'Content-Length: 0\r\n');
  assert.match(
    answer,
    /^HTTP\/1.1 400 .*"Dockerfile:1:1: dockerfile parse error on line 1: unknown instruction: FRM"/s,
  );
});

test('build: a client that leaves cancels it', async (t) => {
  const aborted = Promise.withResolvers<void>();
  const build: Builder['build'] = (_request, onMessage, signal) => {
    onMessage({ stream: 'Step 1/1' });
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        aborted.resolve();
        reject(new Error('aborted'));
      });
    });
  };
  const { path } = await serve(t, { build });
  const socket = connect(path);
  socket.write('POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  socket.once('data', () => socket.destroy());
  await aborted.promise;
});

test('load answers 200 whatever happens', async (t) => {
  const failure = defineError('Z', 'invalid', () => 'unexpected EOF');
  const { path } = await serve(t, { images: { load: () => Promise.reject(failure({})) } });
  const answer = await get(path, '/images/load', 'POST', 'Content-Length: 0\r\n');
  assert.match(answer, /^HTTP\/1.1 200 .*"errorDetail":\{"message":"unexpected EOF"\}/s);
});

test('events: headers at once; closing the API ends the stream', async (t) => {
  const subscribe: Engine['events']['subscribe'] = ({ signal }) =>
    new Subscription(
      () => true,
      signal,
      () => undefined,
    );
  const { api, path } = await serve(t, { events: { subscribe } });
  const answer = await talk(path, 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n', () => void api.close(0));
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n/);
});

test('the socket: mode 0660; one left by a dead daemon is replaced, one that answers is not', async (t) => {
  const { path } = await serve(t, {});
  assert.equal(statSync(path).mode & 0o777, 0o660);
  const second = createApi({ engine: {} as Engine, builder: {} as Builder, log: silentLogger });
  await assert.rejects(second.listen(`unix://${path}`), { code: 'SOCKET_IN_USE' });
  const stale = `${path}.stale`;
  const dead = createServer().listen(stale);
  await new Promise((resolve) => dead.once('listening', resolve));
  // Closed without removing the file, as after a crash.
  (dead as unknown as { _handle: { close(): void } })._handle.close();
  await second.listen(`unix://${stale}`);
  await second.close(0);
  chmodSync(path, 0o660);
  await assert.rejects(second.listen('carrier-pigeon://x'), { code: 'INVALID_PARAMETER' });
});
