import type { IncomingMessage } from 'node:http';
import { invalidParameter, messageOf } from '../../core/errors.ts';
import { invalidJson, unsupportedContentType } from '../errors.ts';

/** More than any real request needs (a seccomp profile in SecurityOpt is some 20 kB). */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * The request's body as JSON; `undefined` without a body.
 * @throws {WharfError} `INVALID_JSON`, `UNSUPPORTED_CONTENT_TYPE`
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  // What is too much is still read off the connection, and dropped: else the client never gets to the answer.
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_BYTES) return void chunks.push(chunk);
    chunks.length = 0;
    reject(invalidJson({ reason: `the body is larger than ${MOST_BYTES} bytes` }));
  });
  request.once('end', () => resolve(Buffer.concat(chunks)));
  request.once('error', reject);
  return parseJson(await promise, request.headers);
}

/** As `readJson`, of a body that was read by other means. */
export function parseJson(body: Buffer, headers: IncomingMessage['headers']): unknown {
  checkContentType(body.length, headers);
  if (body.length === 0) {
    if (headers['transfer-encoding'] === undefined) return undefined;
    throw invalidJson({ reason: 'got EOF while reading request body' });
  }
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch (e) {
    const reason = messageOf(e);
    if (/after JSON/.test(reason)) throw invalidParameter({ message: 'unexpected content after JSON' });
    throw invalidJson({ reason });
  }
}

function checkContentType(bytes: number, headers: IncomingMessage['headers']): void {
  const given = headers['content-type'] ?? '';
  if (given === '' && bytes === 0) return;
  const [type = ''] = given.split(';');
  if (type.trim().toLowerCase() !== 'application/json') throw unsupportedContentType({ given });
}
