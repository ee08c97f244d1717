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
  const text = body.toString();
  try {
    return JSON.parse(text) as unknown;
  } catch (e) {
    const said = messageOf(e);
    if (/after JSON/.test(said)) throw invalidParameter({ message: 'unexpected content after JSON' });
    throw invalidJson({ reason: goReason(said, text) }, { cause: e });
  }
}

/** What was looked for where the parser stopped, in the words of Go's decoder, which tests of clients look for. */
const LOOKED_FOR: readonly (readonly [RegExp, string])[] = [
  [/^Expected (double-quoted )?property name/, 'looking for beginning of object key string'],
  [/^Expected ':'/, 'after object key'],
  [/^Expected ',' or '}'/, 'after object key:value pair'],
  [/^Expected ',' or ']'/, 'after array element'],
  [/^Unexpected token/, 'looking for beginning of value'],
  [/control character/, 'in string literal'],
  [/escape/i, 'in string escape code'],
];

function goReason(said: string, text: string): string {
  if (/^Unexpected end|^Unterminated/.test(said)) return 'unexpected EOF';
  const at = /at position (\d+)/.exec(said)?.[1];
  const token = /^Unexpected token '(.+?)'/.exec(said)?.[1] ?? (at === undefined ? undefined : text[Number(at)]);
  const where = LOOKED_FOR.find(([pattern]) => pattern.test(said))?.[1];
  if (token === undefined) return 'unexpected EOF';
  return where === undefined ? said : `invalid character '${token === "'" ? "\\'" : token}' ${where}`;
}

function checkContentType(bytes: number, headers: IncomingMessage['headers']): void {
  const given = headers['content-type'] ?? '';
  if (given === '' && bytes === 0) return;
  const [type = ''] = given.split(';');
  if (type.trim().toLowerCase() !== 'application/json') throw unsupportedContentType({ given });
}
