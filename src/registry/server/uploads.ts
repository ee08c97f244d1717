import { createHash, type Hash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Digest, hexOf } from '../../core/digest.ts';
import { type BlobFiles, hashFor } from './blob-files.ts';
import type { Catalog } from './catalog.ts';
import { digestInvalid, Refusal, uploadUnknown } from './errors.ts';

/** A blob on its way in: it grows by appending, and survives broken connections and restarts of the registry. */
interface Session {
  sizeBytes: number;
  hash: Hash;
  busy: boolean;
}

/** Uploads that have begun and are not finished. One request at a time may write to one. */
export class Uploads {
  readonly #files: BlobFiles;
  readonly #catalog: Catalog;
  readonly #open = new Map<string, Session>();

  constructor(files: BlobFiles, catalog: Catalog) {
    this.#files = files;
    this.#catalog = catalog;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Begins an empty upload and gives its name. */
  async begin(repository: string): Promise<string> {
    const id = randomUUID();
    await (await open(this.#files.uploadPath(id), 'wx', 0o600)).close();
    this.#catalog.putUpload(id, repository);
    this.#open.set(id, { sizeBytes: 0, hash: createHash('sha256'), busy: false });
    return id;
  }

  /** Bytes that are here. @throws {Refusal} `BLOB_UPLOAD_UNKNOWN` */
  async sizeOf(repository: string, id: string): Promise<number> {
    return (await this.#session(repository, id)).sizeBytes;
  }

  /**
   * Appends a body and gives the size it has now. What arrived before a connection broke stays.
   * @param from where the client believes the body begins; `undefined`: wherever the upload ends
   * @throws {Refusal} 416 if `from` is somewhere else, `BLOB_UPLOAD_UNKNOWN`
   */
  async append(repository: string, id: string, body: AsyncIterable<Buffer>, from: number | undefined): Promise<number> {
    const session = await this.#session(repository, id);
    if (session.busy) throw busy();
    if (from !== undefined && from !== session.sizeBytes) {
      throw new Refusal(416, 'BLOB_UPLOAD_INVALID', `the next byte of this upload is ${session.sizeBytes}`, {
        range: rangeOf(session.sizeBytes),
      });
    }
    session.busy = true;
    try {
      const file = await open(this.#files.uploadPath(id), 'r+');
      try {
        for await (const piece of body) {
          for (let at = 0; at < piece.length; )
            at += (await file.write(piece, at, piece.length - at, session.sizeBytes + at)).bytesWritten;
          session.hash.update(piece);
          session.sizeBytes += piece.length;
        }
      } finally {
        await file.close();
      }
      this.#catalog.putUpload(id, repository);
      return session.sizeBytes;
    } finally {
      session.busy = false;
    }
  }

  /** Makes an upload a blob of its repository. @throws {Refusal} `DIGEST_INVALID`; the upload is gone then */
  async finish(repository: string, id: string, digest: Digest): Promise<void> {
    const session = await this.#session(repository, id);
    if (session.busy) throw busy();
    session.busy = true;
    try {
      const actual = digest.startsWith('sha256:')
        ? session.hash.digest('hex')
        : (await hashFile(this.#files.uploadPath(id), hashFor(digest))).hash.digest('hex');
      if (actual !== hexOf(digest)) throw digestInvalid();
      await this.#files.adopt(id, digest);
      this.#catalog.linkBlob(repository, digest);
    } finally {
      this.#forget(id);
    }
  }

  /** Success means "there is no such upload". @throws {Refusal} `BLOB_UPLOAD_UNKNOWN` */
  async cancel(repository: string, id: string): Promise<void> {
    await this.#session(repository, id);
    this.#forget(id);
  }

  /** Removes uploads that nobody touched since `before`, and files that belong to none. */
  sweep(before: number): void {
    for (const id of this.#catalog.idleUploads(before)) if (this.#open.get(id)?.busy !== true) this.#forget(id);
    for (const name of this.#files.uploads()) {
      if (this.#catalog.uploadRepository(name) === undefined) this.#files.dropUpload(name);
    }
  }

  #forget(id: string): void {
    this.#open.delete(id);
    this.#catalog.deleteUpload(id);
    this.#files.dropUpload(id);
  }

  async #session(repository: string, id: string): Promise<Session> {
    if (this.#catalog.uploadRepository(id) !== repository) throw uploadUnknown();
    const known = this.#open.get(id);
    if (known) return known;
    // Begun before the last restart: what is on disk counts.
    const { hash, sizeBytes } = await hashFile(this.#files.uploadPath(id), createHash('sha256'));
    const session = this.#open.get(id) ?? { hash, sizeBytes, busy: false };
    this.#open.set(id, session);
    return session;
  }
}

/** `Range` of an upload; the same for none and one byte, as the specification has it. */
export function rangeOf(sizeBytes: number): string {
  return `0-${Math.max(0, sizeBytes - 1)}`;
}

function busy(): Refusal {
  return new Refusal(409, 'BLOB_UPLOAD_INVALID', 'another request is writing to this upload');
}

async function hashFile(path: string, hash: Hash): Promise<{ readonly hash: Hash; readonly sizeBytes: number }> {
  let sizeBytes = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    hash.update(piece);
    sizeBytes += piece.length;
  }
  return { hash, sizeBytes };
}
