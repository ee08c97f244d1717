import { Duplex, type Readable } from 'node:stream';
import { invalidParameter } from '../../core/errors.ts';

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/** Bytes of `ctrl-p,ctrl-q` or `a,ctrl-@`. @throws {WharfError} `INVALID_PARAMETER` at a key it does not know */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.from(
    text.split(',').map((key) => {
      if (key.length === 1) return key.charCodeAt(0);
      const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key);
      if (control?.[1] === undefined) throw invalidParameter({ message: `Unknown character: '${key}'` });
      return control[1].toUpperCase().charCodeAt(0) - 64;
    }),
  );
}

/** Finds a key sequence in typed bytes, however they are chunked. A sequence that breaks off is passed on. */
export class DetachFilter {
  readonly #keys: Buffer;
  #matched = 0;
  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What to pass on, and whether the sequence was completed (then what follows it is dropped). */
  push(chunk: Buffer): { readonly pass: Buffer; readonly detached: boolean } {
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { pass: Buffer.from(out), detached: true };
        continue;
      }
      out.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = 0;
      if (byte === this.#keys[0] && this.#keys.length > 1) this.#matched = 1;
      else out.push(byte);
    }
    return { pass: Buffer.from(out), detached: false };
  }
}

/**
 * An attach stream that ends, without ending what it is attached to, when its writer types the detach keys.
 * `onDetach` is told.
 */
export function withDetachKeys(inner: Duplex, keys: Buffer, onDetach: () => void): Duplex {
  const filter = new DetachFilter(keys);
  let detached = false;
  const outer = new Duplex({
    read() {
      inner.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      if (detached) return done();
      const { pass, detached: now } = filter.push(chunk);
      const finish = (error?: Error | null) => {
        if (now) {
          detached = true;
          onDetach();
          outer.push(null);
          inner.destroy();
        }
        done(error);
      };
      if (pass.length === 0) finish();
      else inner.write(pass, finish);
    },
    final(done) {
      if (detached) done();
      else inner.end(done);
    },
    destroy(error, done) {
      inner.destroy();
      done(error);
    },
  });
  (inner as Readable).on('data', (chunk: Buffer) => {
    if (!detached && !outer.push(chunk)) inner.pause();
  });
  inner.on('end', () => {
    if (!detached) outer.push(null);
  });
  inner.on('error', (error) => {
    if (!detached) outer.destroy(error);
  });
  inner.on('close', () => {
    if (!detached && !inner.readableEnded) outer.push(null);
  });
  return outer;
}
