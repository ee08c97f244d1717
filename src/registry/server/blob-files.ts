import { createHash, type Hash } from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Digest, hexOf, isDigest } from '../../core/digest.ts';

const DOCUMENT = 'document-';

/** Content as files `blobs/ALGORITHM/ab/abcd…`, shared by all repositories; what is being written lies in `uploads/`. */
export class BlobFiles {
  readonly #blobs: string;
  readonly #uploads: string;

  constructor(root: string) {
    this.#blobs = join(root, 'blobs');
    this.#uploads = join(root, 'uploads');
    for (const directory of [this.#blobs, this.#uploads]) mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Left by a crash; uploads of blobs, in contrast, go on.
    for (const name of this.uploads()) if (name.startsWith(DOCUMENT)) this.dropUpload(name);
  }

  /** Size in bytes, `undefined` if it is not here. */
  size(digest: Digest): number | undefined {
    return statSync(this.#path(digest), { throwIfNoEntry: false })?.size;
  }
  read(digest: Digest): Buffer {
    return readFileSync(this.#path(digest));
  }
  /** `end` is inclusive. */
  stream(digest: Digest, range: { readonly start: number; readonly end: number }): Readable {
    return createReadStream(this.#path(digest), { highWaterMark: 512 * 1024, ...range });
  }

  /** Stores a small document whose digest is known to be right. */
  write(digest: Digest, bytes: Buffer): void {
    if (this.size(digest) !== undefined) return;
    const temporary = this.uploadPath(`${DOCUMENT}${process.hrtime.bigint()}`);
    writeFileSync(temporary, bytes, { flush: true, mode: 0o600 });
    this.#moveIn(temporary, digest);
  }

  /** Makes a finished upload a blob: on disk when this resolves. */
  async adopt(upload: string, digest: Digest): Promise<void> {
    const file = await open(this.uploadPath(upload), 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    this.#moveIn(this.uploadPath(upload), digest);
    const directory = await open(dirname(this.#path(digest)), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  remove(digest: Digest): void {
    rmSync(this.#path(digest), { force: true });
  }

  /** All blobs on disk with their sizes. */
  *all(): Generator<{ readonly digest: Digest; readonly sizeBytes: number }, void, undefined> {
    for (const algorithm of readdirSync(this.#blobs)) {
      for (const prefix of readdirSync(join(this.#blobs, algorithm))) {
        for (const hex of readdirSync(join(this.#blobs, algorithm, prefix))) {
          const digest = `${algorithm}:${hex}`;
          if (!isDigest(digest)) continue;
          const sizeBytes = this.size(digest);
          if (sizeBytes !== undefined) yield { digest, sizeBytes };
        }
      }
    }
  }

  uploadPath(name: string): string {
    return join(this.#uploads, name);
  }
  uploads(): string[] {
    return readdirSync(this.#uploads);
  }
  dropUpload(name: string): void {
    rmSync(this.uploadPath(name), { force: true });
  }

  #moveIn(temporary: string, digest: Digest): void {
    const path = this.#path(digest);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (this.size(digest) === undefined) renameSync(temporary, path);
    else unlinkSync(temporary);
  }

  #path(digest: Digest): string {
    const hex = hexOf(digest);
    return join(this.#blobs, digest.slice(0, digest.indexOf(':')), hex.slice(0, 2), hex);
  }
}

export function hashFor(digest: Digest): Hash {
  return createHash(digest.startsWith('sha512:') ? 'sha512' : 'sha256');
}

/** The digest of bytes, by the algorithm of another digest. */
export function digestLike(digest: Digest, bytes: Buffer): Digest {
  const algorithm = digest.slice(0, digest.indexOf(':'));
  return `${algorithm}:${hashFor(digest).update(bytes).digest('hex')}` as Digest;
}
