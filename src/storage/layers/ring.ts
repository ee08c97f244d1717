const BYTES = 1024 * 1024;
/** Places of `control`: how much was ever written and read (modulo 2^32), whether more will come, how often the writer did something. */
const WRITTEN = 0;
const READ = 1;
const STATE = 2;
const NEWS = 3;
const ENDED = 1;
const ABANDONED = 2;

/** Memory that two threads share, for one stream at a time. */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

export function ringMemory(): RingMemory {
  return { control: new SharedArrayBuffer(16), data: new SharedArrayBuffer(BYTES) };
}

/** The writing end, in a thread that must not wait: it is told when there is room. */
export class RingWriter {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #data: Uint8Array;

  constructor({ control, data }: RingMemory) {
    this.#control = new Int32Array(control);
    this.#data = new Uint8Array(data);
  }

  /** Makes it ready for another stream; the reader has done with the last one. */
  reset(): void {
    for (const place of [WRITTEN, READ, STATE]) Atomics.store(this.#control, place, 0);
  }

  /** Puts in as much as there is room for, and gives how much that was. */
  put(bytes: Uint8Array): number {
    const written = Atomics.load(this.#control, WRITTEN);
    const room = BYTES - ((written - Atomics.load(this.#control, READ)) >>> 0);
    const n = Math.min(room, bytes.length);
    if (n === 0) return 0;
    const at = (written >>> 0) % BYTES;
    const first = Math.min(n, BYTES - at);
    this.#data.set(bytes.subarray(0, first), at);
    this.#data.set(bytes.subarray(first, n), 0);
    Atomics.store(this.#control, WRITTEN, (written + n) | 0);
    this.#tell();
    return n;
  }

  /** Waits until the reader has taken something since the ring was full. */
  async room(): Promise<void> {
    const full = (Atomics.load(this.#control, WRITTEN) - BYTES) | 0;
    await Atomics.waitAsync(this.#control, READ, full).value;
  }

  end(): void {
    this.#close(ENDED);
  }
  /** The source failed, or nobody wants the stream any more. */
  abandon(): void {
    this.#close(ABANDONED);
  }

  /** Lets a writer that waits for room go on, as nobody will read any more. */
  wake(): void {
    Atomics.notify(this.#control, READ);
  }

  #close(state: number): void {
    Atomics.store(this.#control, STATE, state);
    this.#tell();
  }

  #tell(): void {
    Atomics.add(this.#control, NEWS, 1);
    Atomics.notify(this.#control, NEWS);
  }
}

/** The reading end, in a thread that has nothing else to do: it waits without a promise. */
export class RingReader {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #data: Uint8Array;

  constructor({ control, data }: RingMemory) {
    this.#control = new Int32Array(control);
    this.#data = new Uint8Array(data);
  }

  /**
   * Copies what is there, at most what fits into `target`. Waits if there is nothing; 0 at the end.
   * @returns `undefined` if the stream was abandoned
   */
  take(target: Uint8Array): number | undefined {
    for (;;) {
      const news = Atomics.load(this.#control, NEWS);
      const state = Atomics.load(this.#control, STATE);
      if (state === ABANDONED) return undefined;
      const written = Atomics.load(this.#control, WRITTEN);
      const read = Atomics.load(this.#control, READ);
      const there = (written - read) >>> 0;
      if (there === 0) {
        if (state === ENDED) return 0;
        Atomics.wait(this.#control, NEWS, news);
        continue;
      }
      const at = (read >>> 0) % BYTES;
      const n = Math.min(there, target.length, BYTES - at);
      target.set(this.#data.subarray(at, at + n));
      Atomics.store(this.#control, READ, (read + n) | 0);
      Atomics.notify(this.#control, READ);
      return n;
    }
  }
}
