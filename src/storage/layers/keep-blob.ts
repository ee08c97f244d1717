import { open } from 'node:fs/promises';
import type { Digest } from '../../core/digest.ts';
import type { KeptBlob } from '../contract.ts';

/** Writes a stream to a file while it passes. What is at the file's place is of use only when `kept` is set. */
export class BlobKeeper {
  readonly #path: string;
  readonly #facts: { readonly digest: Digest; readonly compression: KeptBlob['compression'] };
  #sizeBytes = 0;
  #whole = false;

  constructor(path: string, facts: { readonly digest: Digest; readonly compression: KeptBlob['compression'] }) {
    this.#path = path;
    this.#facts = facts;
  }

  /** The blob, once the stream has passed to its end. */
  get kept(): KeptBlob | undefined {
    return this.#whole ? { ...this.#facts, sizeBytes: this.#sizeBytes } : undefined;
  }

  /** Writing goes on while the next piece is waited for; not synced, as a layer is synced as a whole. */
  async *pass(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const file = await open(this.#path, 'wx', 0o600);
    let writing = Promise.resolve();
    try {
      for await (const chunk of source) {
        await writing;
        writing = this.#write(file, chunk);
        writing.catch(() => undefined); // it is awaited above or below
        yield chunk;
      }
      await writing;
      this.#whole = true;
    } finally {
      await writing.catch(() => undefined);
      await file.close();
    }
  }

  async #write(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
    const begin = this.#sizeBytes;
    this.#sizeBytes += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      at += (await file.write(chunk, at, chunk.length - at, begin + at)).bytesWritten;
    }
  }
}
