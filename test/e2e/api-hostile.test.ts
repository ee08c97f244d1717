import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

const FOLLOWERS = 1000;

/** Bytes on a connection of their own; everything that is answered until the daemon closes it. */
async function raw(daemon: TestDaemon, ...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(daemon.socket);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  for (const piece of pieces) socket.write(piece);
  socket.end();
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

function openFiles(daemon: TestDaemon): number {
  return readdirSync(`/proc/${daemon.pid}/fd`).length;
}

/** Waits until the daemon has let go of what it had opened; fails if it never does. */
async function settled(daemon: TestDaemon, before: number): Promise<void> {
  for (let round = 0; openFiles(daemon) > before + 5; round++) {
    assert.ok(round < 500, `${openFiles(daemon)} open files, ${before} before`);
    await sleep(20);
  }
}

const JSON_HEAD = 'Host: d\r\nContent-Type: application/json\r\n';
const HOSTILE: [name: string, pieces: (string | Buffer)[], answer: RegExp][] = [
  ['no HTTP', ['\x16\x03\x01\x02\x00\x01\x00\x01'], /^HTTP\/1\.1 400 /],
  [
    'JSON cut short',
    [`POST /containers/create HTTP/1.1\r\n${JSON_HEAD}Content-Length: 2\r\n\r\n{"`],
    / 400 [^]*invalid JSON/,
  ],
  [
    'two documents',
    [`POST /containers/create HTTP/1.1\r\n${JSON_HEAD}Content-Length: 5\r\n\r\n{} {}`],
    / 400 [^]*unexpected content after JSON/,
  ],
  [
    'deep nesting',
    [`POST /containers/create HTTP/1.1\r\n${JSON_HEAD}Content-Length: 200000\r\n\r\n${'['.repeat(200_000)}`],
    / 400 /,
  ],
  [
    'a body shorter than announced',
    [`POST /containers/create HTTP/1.1\r\n${JSON_HEAD}Content-Length: 50\r\n\r\n{}`],
    /^(HTTP\/1\.1 400 [^]*)?$/,
  ],
  ['a NUL in the path', ['GET /containers/a%00b/json HTTP/1.1\r\nHost: d\r\n\r\n'], / 404 [^]*No such container/],
  ['a broken escape', ['GET /containers/%zz/json HTTP/1.1\r\nHost: d\r\n\r\n'], / 40[04] /],
  ['a path upwards', ['GET /containers/../../etc/passwd HTTP/1.1\r\nHost: d\r\n\r\n'], / 404 [^]*page not found/],
  ['a path of 20 kB', [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: d\r\n\r\n`], /^HTTP\/1\.1 (404|431) /],
  ['a name of 5 kB', [`GET /containers/${'a'.repeat(5000)}/json HTTP/1.1\r\nHost: d\r\n\r\n`], / 404 /],
  ['an odd version', ['GET /v1..4/info HTTP/1.1\r\nHost: d\r\n\r\n'], / 400 /],
  ['a version of many digits', [`GET /v${'9'.repeat(400)}.1/info HTTP/1.1\r\nHost: d\r\n\r\n`], / 400 /],
  [
    'an exec with a bad chunk size',
    [
      `POST /exec/x/start HTTP/1.1\r\n${JSON_HEAD}Connection: Upgrade\r\nUpgrade: tcp\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    ],
    / 400 /,
  ],
  [
    'a websocket that is none',
    ['GET /containers/x/attach/ws HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'],
    / 400 [^]*websocket/,
  ],
];

test('whatever comes over the socket is refused or closed, and the daemon goes on', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    await api(daemon.socket, 'GET', '/info');
    const before = openFiles(daemon);
    for (const [name, pieces, answer] of HOSTILE) assert.match(await raw(daemon, ...pieces), answer, name);
    // Larger than any real request: refused, or the connection is closed while it is sent.
    const huge = Buffer.alloc(17 * 1024 * 1024, ' ');
    const said = await raw(
      daemon,
      `POST /containers/create HTTP/1.1\r\n${JSON_HEAD}Content-Length: ${huge.length}\r\n\r\n`,
      huge,
    );
    assert.match(said, /^(HTTP\/1\.1 400 [^]*)?$/);
    for (const name of ['a\0b', '../x', 'a/b', '-x', 'x', 'ü', 'a'.repeat(5000).concat('/')]) {
      const path = `/containers/create?name=${encodeURIComponent(name)}`;
      await assert.rejects(api(daemon.socket, 'POST', path, { Image: 'busybox' }), /400 .*Invalid container name/);
    }
    assert.equal(((await api(daemon.socket, 'GET', '/containers/json?all=1')) as unknown[]).length, 0);
    await settled(daemon, before);
  });
});

test(`${FOLLOWERS} followers of one log, then gone: all are served, nothing stays`, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { Id } = (await api(daemon.socket, 'POST', '/containers/create', {
      Image: 'busybox',
      Tty: true,
      Cmd: ['sh', '-c', 'echo first; while ! [ -e /go ]; do sleep 0.1; done; echo last; sleep 1000'],
    })) as { Id: string };
    await api(daemon.socket, 'POST', `/containers/${Id}/start`);
    const before = openFiles(daemon);
    const sockets: Socket[] = [];
    const follow = async () => {
      const req = request({
        socketPath: daemon.socket,
        path: `/containers/${Id}/logs?follow=1&stdout=1`,
        agent: false,
      });
      req.end();
      const [res] = (await once(req, 'response')) as [IncomingMessage];
      sockets.push(res.socket);
      res.on('error', () => undefined);
      let said = '';
      const last = Promise.withResolvers<string>();
      res.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('last')) last.resolve(said.replaceAll('\r', ''));
      });
      return last.promise;
    };
    const followers = Array.from({ length: FOLLOWERS }, follow);
    while (sockets.length < FOLLOWERS) await sleep(20);
    const { Id: exec } = (await api(daemon.socket, 'POST', `/containers/${Id}/exec`, { Cmd: ['touch', '/go'] })) as {
      Id: string;
    };
    await api(daemon.socket, 'POST', `/exec/${exec}/start`, { Detach: true });
    for (const said of await Promise.all(followers)) assert.equal(said, 'first\nlast\n');
    for (const socket of sockets) socket.destroy();
    await settled(daemon, before);
    await api(daemon.socket, 'POST', `/containers/${Id}/kill`);
  });
});
