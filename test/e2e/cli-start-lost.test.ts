import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { wharfPath } from './support/daemon.ts';
import { run } from './support/run.ts';

const ID = 'c'.repeat(64);

/** An engine at its limit of open files hangs up on the one connection that asks for the start. */
test('run --rm whose start request is lost says so and ends, and asks for the removal of what never ran', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-lost-'));
  const socket = join(directory, 'w.sock');
  const asked: string[] = [];
  const streams = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '').replace(ID, 'ID');
    asked.push(`${request.method} ${path.split('?')[0]}`);
    request.resume();
    if (path.startsWith('/containers/create')) {
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ Id: ID, Warnings: [] }));
    } else if (path.endsWith('/start')) {
      request.socket.destroy();
    } else if (path.includes('/wait')) {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    } else if (request.method === 'DELETE') {
      response.writeHead(204).end();
    } else {
      response.writeHead(200, { 'api-version': '1.50' }).end();
    }
  });
  server.on('upgrade', (_request, stream: Socket) => {
    streams.add(stream);
    stream.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  });
  server.listen(socket);
  await once(server, 'listening');
  try {
    const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, NO_COLOR: '1' };
    const { code, stderr } = await run(wharfPath, ['run', '--rm', 'busybox', 'true'], { env, timeoutMs: 20_000 });
    assert.equal(code, 125, stderr);
    assert.match(stderr, /^wharf: error during connect: /);
    assert.equal(asked.at(-1), 'DELETE /containers/ID');
  } finally {
    for (const stream of streams) stream.destroy();
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
