import { EventEmitter, once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import type { Digest } from '../../core/digest.ts';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { Refusal } from './errors.ts';
import type { Parts } from './exchange.ts';
import type { Upstream } from './upstream.ts';

/** A blob on its way from upstream: it grows, and can be read while it does. */
export class BlobFetch {
  /** Resolves when the blob is in the repository. @rejects {Refusal} as the upstream answers */
  readonly done: Promise<void>;
  /** Resolves when the first byte has come, or the blob is there. */
  readonly begun: Promise<void>;
  readonly #parts: Parts;
  readonly #grown = new EventEmitter();
  #upload: string | undefined;
  #length = 0;
  #ended = false;

  private constructor(parts: Parts, upstream: Upstream, repository: string, digest: Digest) {
    this.#parts = parts;
    this.#grown.setMaxListeners(0);
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    this.done = this.#fetch(upstream, repository, digest, resolve).finally(() => {
      this.#ended = true;
      this.#grown.emit('more');
    });
    this.begun = Promise.race([begun, this.done]);
    this.begun.catch(() => undefined);
  }

  /** The fetch of a blob that is under way, or a new one: each comes once, however many ask for it. */
  static of(parts: Parts, upstream: Upstream, repository: string, digest: Digest): BlobFetch {
    const all = underway.get(parts) ?? new Map<string, BlobFetch>();
    underway.set(parts, all);
    const key = `${repository}@${digest}`;
    const known = all.get(key);
    if (known) return known;
    const made = new BlobFetch(parts, upstream, repository, digest);
    all.set(key, made);
    made.done.catch(() => undefined).finally(() => all.delete(key));
    return made;
  }

  /**
   * The bytes as they come, to be called once it has begun; `undefined`: all has come by now. Fails if the blob turns out to be
   * another: the last byte is held back until the digest is known to be right, so that nobody takes a wrong blob for whole.
   */
  async read(): Promise<AsyncGenerator<Buffer, void, undefined> | undefined> {
    if (this.#upload === undefined) return undefined;
    try {
      return this.#follow(await open(this.#parts.files.uploadPath(this.#upload), 'r'));
    } catch (e) {
      if (errnoOf(e) === 'ENOENT') return undefined;
      throw e;
    }
  }

  async *#follow(file: FileHandle): AsyncGenerator<Buffer, void, undefined> {
    try {
      let at = 0;
      for (;;) {
        const safe = this.#length - HELD_BACK;
        if (at < safe) {
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(PIECE, safe - at)), {
            position: at,
          });
          if (bytesRead === 0) throw new Refusal(502, 'UNAVAILABLE', 'the blob is shorter than it was');
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        } else if (this.#ended) break;
        else await once(this.#grown, 'more');
      }
      await this.done; // what is open stays readable, wherever the file has gone
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE), { position: at });
        if (bytesRead === 0) return;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async #fetch(upstream: Upstream, repository: string, digest: Digest, onBegun: () => void): Promise<void> {
    const { catalog, files, uploads } = this.#parts;
    const source = await upstream.blob(repository, digest); // asked even if another repository has it: it may be forbidden here
    if (files.size(digest) !== undefined) {
      catalog.linkBlob(repository, digest);
      return;
    }
    const id = await uploads.begin(repository);
    this.#upload = id;
    const told = async function* (tell: (length: number) => void): AsyncGenerator<Buffer> {
      for await (const piece of source) {
        yield piece;
        tell(piece.length); // asked for the next one: this one is written
        onBegun();
      }
    };
    try {
      await uploads.append(
        repository,
        id,
        told((length) => this.#grow(length)),
        undefined,
      );
    } catch (e) {
      await uploads.cancel(repository, id).catch(() => undefined);
      throw new Refusal(502, 'UNAVAILABLE', `upstream: ${messageOf(e)}`);
    }
    await uploads.finish(repository, id, digest);
  }

  #grow(length: number): void {
    this.#length += length;
    this.#grown.emit('more');
  }
}

/** By registry, then by repository and digest. */
const underway = new WeakMap<Parts, Map<string, BlobFetch>>();

const PIECE = 512 * 1024;
const HELD_BACK = 1;
