import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Digest, digestFromHex, hexOf } from '../core/digest.ts';
import { errnoOf } from '../core/errors.ts';
import type { Blob, ContentStore } from './contract.ts';
import { blobNotFound, digestMismatch, sizeMismatch } from './errors.ts';
import { type Layout, shortName } from './layout.ts';

/** Blobs as files `blobs/sha256/ab/abcd…`. See `ContentStore`. */
export class FileContentStore implements ContentStore {
  readonly #layout: Layout;
  constructor(layout: Layout) {
    this.#layout = layout;
  }

  async ingest(
    source: AsyncIterable<Uint8Array> | Uint8Array,
    expect: { readonly digest?: Digest; readonly sizeBytes?: number } = {},
    signal?: AbortSignal,
  ): Promise<Blob> {
    const temporary = join(this.#layout.tmp, `blob-${shortName()}`);
    const hash = createHash('sha256');
    let sizeBytes = 0;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        for await (const chunk of source instanceof Uint8Array ? [source] : source) {
          signal?.throwIfAborted();
          hash.update(chunk);
          sizeBytes += chunk.length;
          if (expect.sizeBytes !== undefined && sizeBytes > expect.sizeBytes) break;
          for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
        }
        if (expect.sizeBytes !== undefined && sizeBytes !== expect.sizeBytes) {
          throw sizeMismatch({ expected: expect.sizeBytes, actual: sizeBytes });
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const digest = digestFromHex(hash.digest('hex'));
      if (expect.digest !== undefined && expect.digest !== digest) {
        throw digestMismatch({ expected: expect.digest, actual: digest });
      }
      const path = this.#path(digest);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      await rename(temporary, path);
      await syncDirectory(dirname(path));
      return { digest, sizeBytes };
    } catch (e) {
      await rm(temporary, { force: true });
      throw e;
    }
  }

  find(digest: Digest): Blob | undefined {
    const stat = statSync(this.#path(digest), { throwIfNoEntry: false });
    return stat && { digest, sizeBytes: stat.size };
  }

  open(digest: Digest, range?: { readonly start: number; readonly end?: number }): Readable {
    if (!this.find(digest)) throw blobNotFound({ digest });
    return createReadStream(this.#path(digest), { highWaterMark: 256 * 1024, ...range });
  }

  async read(digest: Digest): Promise<Buffer> {
    try {
      return await readFile(this.#path(digest));
    } catch (e) {
      if (errnoOf(e) === 'ENOENT') throw blobNotFound({ digest }, { cause: e });
      throw e;
    }
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.#path(digest), { force: true });
  }

  list(): readonly Blob[] {
    return readdirSync(this.#layout.blobs).flatMap((prefix) =>
      readdirSync(join(this.#layout.blobs, prefix)).flatMap((hex) => this.find(digestFromHex(hex)) ?? []),
    );
  }

  #path(digest: Digest): string {
    const hex = hexOf(digest);
    return join(this.#layout.blobs, hex.slice(0, 2), hex);
  }
}

/** Makes a rename in this directory survive a power cut. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
