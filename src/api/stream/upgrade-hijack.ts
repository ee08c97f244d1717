import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { parseJson } from '../decode/json-body.ts';
import { invalidJson } from '../errors.ts';
import type { Hijacker } from './hijack.ts';
import { refusal } from './plain-hijack.ts';

const MOST_BODY_BYTES = 1024 * 1024;

/**
 * Takes over the connection of a request with `Upgrade`. Node's parser stops behind the headers of such a request, so that
 * its body (exec start has one) is read here.
 */
export function upgradeHijacker(
  request: IncomingMessage,
  response: ServerResponse,
  socket: Socket,
  early: Buffer,
): Hijacker {
  const seize = () => {
    response.detachSocket(socket);
    return socket;
  };
  if (early.length > 0) socket.unshift(early);
  return {
    upgraded: true,
    async body() {
      const bytes = await readBody(request, socket);
      return parseJson(bytes, request.headers);
    },
    async skipBody() {
      await readBody(request, socket);
    },
    take({ contentType, headers = {}, protocol = 'tcp' }) {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      seize().write(
        `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${lines.join('')}\r\n`,
      );
      return socket;
    },
    seize,
    refuse(status, text) {
      seize().end(refusal(status, text));
    },
  };
}

async function readBody(request: IncomingMessage, socket: Socket): Promise<Buffer> {
  if (request.headers['transfer-encoding']?.toLowerCase() === 'chunked') return readChunked(socket);
  const length = Number(request.headers['content-length'] ?? 0);
  if (!Number.isSafeInteger(length) || length < 0) throw invalidJson({ reason: 'bad Content-Length' });
  return take(socket, length);
}

async function readChunked(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (;;) {
    const size = Number.parseInt(await takeLine(socket), 16);
    if (!Number.isSafeInteger(size) || size < 0) throw invalidJson({ reason: 'bad chunk size' });
    if (size === 0) break;
    chunks.push(await take(socket, size));
    await takeLine(socket);
  }
  while ((await takeLine(socket)) !== '');
  return Buffer.concat(chunks);
}

async function takeLine(socket: Socket): Promise<string> {
  let line = '';
  while (!line.endsWith('\r\n')) {
    if (line.length > 8192) throw invalidJson({ reason: 'bad chunked body' });
    line += (await take(socket, 1)).toString('latin1');
  }
  return line.slice(0, -2);
}

/** Exactly so many bytes from the connection; the rest stays in it. */
async function take(socket: Socket, bytes: number): Promise<Buffer> {
  if (bytes === 0) return Buffer.alloc(0);
  if (bytes > MOST_BODY_BYTES) throw invalidJson({ reason: `the body is larger than ${MOST_BODY_BYTES} bytes` });
  for (;;) {
    const got = socket.read(bytes) as Buffer | null;
    if (got !== null) {
      if (got.length === bytes) return got;
      throw invalidJson({ reason: 'got EOF while reading request body' });
    }
    if (socket.readableEnded || socket.destroyed) throw invalidJson({ reason: 'got EOF while reading request body' });
    const { promise, resolve } = Promise.withResolvers<void>();
    const events = ['readable', 'end', 'close', 'error'];
    for (const event of events) socket.once(event, resolve);
    await promise;
    for (const event of events) socket.removeListener(event, resolve);
  }
}
