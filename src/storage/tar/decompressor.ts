import { type Decoder, DecodeError, gzipDecoder, zstdDecoder } from '../../linux/index.ts';
import { badLayer } from '../errors.ts';
import { compressionOf, refuseCompression } from './decompress.ts';

const OUTPUT = 256 * 1024;
const HEAD = 6;

/**
 * Undoes gzip (of several members too) and zstd, told by the first bytes; anything else passes as it is. Synchronous, for
 * threads that have nothing else to do; what it gives is valid only until the next call.
 */
export class Decompressor implements Disposable {
  readonly #take: (bytes: Buffer) => void;
  #output: Buffer | undefined;
  #decoder: Decoder | undefined;
  #begun = false;
  #head = Buffer.alloc(0);
  /** Between members: zeros may follow, or another one. */
  #between = false;

  constructor(take: (bytes: Buffer) => void) {
    this.#take = take;
  }

  /** @throws {WharfError} `BAD_LAYER` at bzip2 and xz, and at damaged streams */
  push(bytes: Uint8Array): void {
    if (this.#begun) this.#decode(bytes);
    else {
      this.#head = Buffer.concat([this.#head, bytes]);
      if (this.#head.length >= HEAD) this.#begin();
    }
  }

  /** @throws {WharfError} `BAD_LAYER` if more was to come */
  finish(): void {
    if (!this.#begun) this.#begin();
    if (this.#decoder && !this.#between) throw badLayer({ why: 'unexpected EOF' });
  }

  [Symbol.dispose](): void {
    this.#decoder?.[Symbol.dispose]();
  }

  #begin(): void {
    this.#begun = true;
    const kind = compressionOf(this.#head);
    if (kind === 'gzip') this.#decoder = gzipDecoder();
    else if (kind === 'zstd') this.#decoder = zstdDecoder();
    else if (kind !== 'none') throw refuseCompression(kind);
    const head = this.#head;
    this.#head = Buffer.alloc(0);
    this.#decode(head);
  }

  #decode(bytes: Uint8Array): void {
    const decoder = this.#decoder;
    if (!decoder) {
      this.#take(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      return;
    }
    const output = (this.#output ??= Buffer.allocUnsafeSlow(OUTPUT));
    let full = false;
    for (let at = 0; at < bytes.length || full; ) {
      if (this.#between) {
        while (bytes[at] === 0) at++; // padding of whole blocks
        if (at === bytes.length) return;
        this.#between = false;
        decoder.reset();
      }
      const { consumed, produced, ended } = decodeOrRefuse(decoder, bytes.subarray(at), output);
      at += consumed;
      full = produced === output.length && !ended;
      this.#between = ended;
      if (produced > 0) this.#take(output.subarray(0, produced));
      if (consumed === 0 && produced === 0) return;
    }
  }
}

function decodeOrRefuse(decoder: Decoder, input: Uint8Array, output: Buffer): ReturnType<Decoder['decode']> {
  try {
    return decoder.decode(input, output);
  } catch (e) {
    if (e instanceof DecodeError) throw badLayer({ why: e.message }, { cause: e });
    throw e;
  }
}
