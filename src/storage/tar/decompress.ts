import { createGunzip, createZstdDecompress } from 'node:zlib';
import { Readable } from 'node:stream';
import { messageOf, type WharfError } from '../../core/errors.ts';
import { badLayer } from '../errors.ts';
import { throughProgram } from './program.ts';

const CHUNK = 256 * 1024;

/**
 * Undoes gzip (of several members too), zstd, bzip2 and xz, told by the first bytes; anything else passes as it is.
 * @throws {WharfError} `BAD_LAYER` at damaged streams, and if the program for bzip2 or xz is not there
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  const { kind, whole } = await beginningOf(source);
  if (kind === 'bzip2' || kind === 'xz') {
    yield* throughProgram(whole, kind, (why) => badLayer({ why }));
    return;
  }
  if (kind === 'none') {
    yield* whole;
    return;
  }
  const transform = kind === 'gzip' ? createGunzip({ chunkSize: CHUNK }) : createZstdDecompress({ chunkSize: CHUNK });
  const input = Readable.from(whole, { objectMode: false, highWaterMark: CHUNK });
  input.on('error', (e) => transform.destroy(e));
  input.pipe(transform);
  try {
    for await (const chunk of transform) yield chunk as Buffer;
  } catch (e) {
    if (isZlibError(e))
      throw badLayer(
        { why: messageOf(e) === 'unexpected end of file' ? 'unexpected EOF' : messageOf(e) },
        { cause: e },
      );
    throw e;
  } finally {
    input.destroy();
    transform.destroy();
  }
}

/**
 * Undoes bzip2 and xz only, which layers do not have; all else passes as it is.
 * @throws {WharfError} `BAD_LAYER` as `decompress`
 */
export async function* withoutRareCompression(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const { kind, whole } = await beginningOf(source);
  if (kind === 'bzip2' || kind === 'xz') yield* throughProgram(whole, kind, (why) => badLayer({ why }));
  else yield* whole;
}

/** How a stream is compressed, and all of it again. */
async function beginningOf(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let ended = false;
  while (head.length < 6 && !ended) {
    const next = await iterator.next();
    if (next.done) ended = true;
    else head = head.length === 0 ? asBuffer(next.value) : Buffer.concat([head, next.value]);
  }
  return { kind: compressionOf(head), whole: rejoin(head, iterator, ended) };
}

async function* rejoin(
  head: Buffer,
  rest: AsyncIterator<Uint8Array>,
  ended: boolean,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    if (head.length > 0) yield head;
    while (!ended) {
      const next = await rest.next();
      if (next.done) {
        ended = true;
        return;
      }
      yield asBuffer(next.value);
    }
  } finally {
    if (!ended) await rest.return?.();
  }
}

/** How compressed data begins. Media types and file names are not believed. */
export function compressionOf(head: Uint8Array): 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'none' {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  if (a === 0x42 && b === 0x5a && c === 0x68) return 'bzip2';
  if (a === 0xfd && b === 0x37 && c === 0x7a && d === 0x58) return 'xz';
  return 'none';
}

/** What is said of compressions that layers do not have. */
export function refuseCompression(kind: string): WharfError {
  return badLayer({ why: `${kind} compression is not supported` }, { hint: 'compress it with gzip or zstd instead' });
}

function isZlibError(e: unknown): boolean {
  return typeof e === 'object' && e !== null && 'code' in e && /^(Z_|ZSTD_|ERR_ZLIB)/.test(String(e.code));
}
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
