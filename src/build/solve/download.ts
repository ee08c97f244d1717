import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, WharfError } from '../../core/errors.ts';
import { stepFailed } from '../errors.ts';
import { FileTree } from '../files/file-tree.ts';
import { type Selected, selectMade } from './select-sources.ts';

/** Hexadecimal digits of digests. */
const DIGITS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** @throws {WharfError} `BUILD_STEP_FAILED`, in Docker's words, unless it is a digest as `--checksum` takes it */
export function checkChecksum(checksum: string): void {
  const [, algorithm = '', hex = ''] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(checksum) ?? [];
  if (algorithm === '') throw stepFailed({ message: 'invalid checksum digest format' });
  const digits = Object.hasOwn(DIGITS, algorithm) ? DIGITS[algorithm] : undefined;
  if (digits === undefined) throw stepFailed({ message: 'unsupported digest algorithm' });
  if (hex.length !== digits) throw stepFailed({ message: 'invalid checksum digest length' });
}

function algorithmOf(checksum: string): string {
  return checksum.slice(0, checksum.indexOf(':'));
}

/**
 * Fetches the URL of an ADD into `scratch`: mode 0600, the server's Last-Modified as its time.
 * @param named the destination says the file's name: a URL without one will do
 * @throws {WharfError} `BUILD_STEP_FAILED` if it cannot be had, or is not what `checksum` says
 */
export async function download(
  url: string,
  options: {
    readonly scratch: string;
    readonly checksum: string | undefined;
    readonly unpack: boolean;
    readonly named: boolean;
  },
  signal: AbortSignal,
): Promise<Selected> {
  const name = posix.basename(new URL(url).pathname);
  if (name === '' && !options.named) {
    throw stepFailed({ message: `ADD failed: cannot determine filename from url: ${url}` });
  }
  const base = name === '' ? '__unnamed__' : decodeURIComponent(name).replaceAll('/', '_');
  const path = join(options.scratch, base);
  const algorithm = algorithmOf(options.checksum ?? 'sha256:');
  const hash = createHash(algorithm);
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    const response = await fetch(url, { signal, redirect: 'follow' });
    if (!response.ok) {
      throw stepFailed({
        message: `ADD failed: failed to GET ${url} with status ${response.status} ${response.statusText}`,
      });
    }
    const body = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as never);
    await pipeline(body, hashing, createWriteStream(path, { mode: 0o600 }), { signal });
    const modified = Date.parse(response.headers.get('last-modified') ?? '');
    await utimes(path, 0, Number.isNaN(modified) ? 0 : modified / 1000);
  } catch (e) {
    if (e instanceof WharfError) throw e;
    signal.throwIfAborted();
    const cause = e instanceof Error && e.cause !== undefined ? `: ${messageOf(e.cause)}` : '';
    throw stepFailed({ message: `ADD failed: cannot fetch ${url}: ${messageOf(e)}${cause}` }, { cause: e });
  }
  const digest = `${algorithm}:${hash.digest('hex')}`;
  if (options.checksum !== undefined && options.checksum !== digest) {
    throw stepFailed({ message: `digest mismatch for ${url}: ${digest} (expected: ${options.checksum})` });
  }
  return selectMade(new FileTree(options.scratch), base, { name: base, archive: options.unpack });
}
