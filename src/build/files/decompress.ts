import { open } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { throughProgram } from '../../storage/index.ts';
import { badContext } from '../errors.ts';

export type Compression = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** Told by the first bytes (6 are enough). */
function sniffCompression(head: Buffer): Compression {
  const hex = head.subarray(0, 6).toString('hex');
  if (hex.startsWith('1f8b08')) return 'gzip';
  if (hex.startsWith('425a68')) return 'bzip2';
  if (hex === 'fd377a585a00') return 'xz';
  if (hex.startsWith('28b52ffd') || /^5[0-9a-f]2a4d18/.test(hex)) return 'zstd';
  return 'none';
}

/**
 * The plain bytes of a stream that may be compressed. Breaking off the iteration ends programs behind it, not the stream.
 * @throws {WharfError} `BAD_CONTEXT` if the program for bzip2 or xz is missing or fails
 */
export async function* decompressed(source: Readable): AsyncGenerator<Buffer> {
  // Not destroyed when iteration stops: whoever opened the source may still need what it stands on.
  const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < 6) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const rest = { [Symbol.asyncIterator]: () => chunks };
  const whole = async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* rest;
  };
  const kind = sniffCompression(head);
  switch (kind) {
    case 'none':
      yield* whole();
      return;
    case 'gzip':
      yield* through(whole(), createGunzip());
      return;
    case 'zstd':
      yield* through(whole(), createZstdDecompress());
      return;
    case 'bzip2':
    case 'xz':
      yield* throughProgram(whole(), kind, (reason) => badContext({ reason }));
  }
}

async function* through(source: AsyncIterable<Buffer>, filter: NodeJS.ReadWriteStream): AsyncGenerator<Buffer> {
  const aborter = new AbortController();
  const pumping = pipeline(source, filter, { signal: aborter.signal });
  pumping.catch(() => undefined); // a failure destroys the filter: the loop below meets it
  try {
    yield* filter as unknown as AsyncIterable<Buffer>;
    await pumping;
  } finally {
    aborter.abort();
  }
}

/** Whether a file is a tar, plain or compressed: by its content, as ADD decides. An empty file is none. */
export async function isTarFile(path: string): Promise<boolean> {
  const head = Buffer.alloc(512);
  await using file = await open(path);
  const { bytesRead } = await file.read(head, 0, 512, 0);
  if (sniffCompression(head.subarray(0, bytesRead)) === 'none') return bytesRead === 512 && isTarHeader(head);
  let plain = Buffer.alloc(0);
  const source = createReadStream(path);
  try {
    for await (const chunk of decompressed(source)) {
      plain = Buffer.concat([plain, chunk]);
      if (plain.length >= 512) break;
    }
  } catch {
    return false; // looks compressed, but is not: an ordinary file
  } finally {
    source.destroy();
  }
  return plain.length >= 512 && isTarHeader(plain);
}

/** A header block whose checksum is right. */
function isTarHeader(block: Buffer): boolean {
  const written = Number.parseInt(block.toString('latin1', 148, 156).replace(/[\0 ]+$/, ''), 8);
  let sum = 8 * 0x20;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
  return sum === written && sum !== 8 * 0x20;
}
