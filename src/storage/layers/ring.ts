const BYTES = 1024 * 1024;
/** Places of `control`: how much was ever written and read (modulo 2^32), whether more will come, how often the writer did something. */
const WRITTEN = 0;
const READ = 1;
const STATE = 2;
const NEWS = 3;
/** Free for the writer's use. */
const MARK = 4;
const ENDED = 1;
const ABANDONED = 2;

/** Memory that two threads share, for one stream at a time. */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

export function ringMemory(): RingMemory {
  return { control: new SharedArrayBuffer(20), data: new SharedArrayBuffer(BYTES) };
}

/** Makes it ready for another stream; nobody uses it. */
export function resetRing({ control }: RingMemory): void {
  const places = new Int32Array(control);
  for (let place = 0; place < places.length; place++) Atomics.store(places, place, 0);
}

/** The writing end. A thread that has nothing else to do writes with `write`, others with `put` and `room`. */
export class RingWriter {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #data: Uint8Array;

  constructor({ control, data }: RingMemory) {
    this.#control = new Int32Array(control);
    this.#data = new Uint8Array(data);
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

  /** Whether nobody reads any more. */
  get abandoned(): boolean {
    return Atomics.load(this.#control, STATE) === ABANDONED;
  }

  /** Waits until the reader has taken something since the ring was full, or somebody has called `wake`. */
  async room(): Promise<void> {
    await Atomics.waitAsync(this.#control, READ, this.#readWhenFull()).value;
  }

  /** Lets a writer that waits for room go on, as nobody will read any more. */
  wake(): void {
    Atomics.notify(this.#control, READ);
  }

  /** Puts in all of it, and blocks the thread as long as that takes. @throws {Error} if nobody reads any more */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.abandoned) throw new Error('nobody wants the stream any more');
      const n = this.put(bytes.subarray(at));
      at += n;
      if (n === 0) Atomics.wait(this.#control, READ, this.#readWhenFull());
    }
  }

  /** A number that the reader sees at once, not after what is in the ring: 32 bits. */
  mark(value: number): void {
    Atomics.store(this.#control, MARK, value);
  }

  end(): void {
    this.#close(ENDED);
  }
  /** The source failed, or nobody wants the stream any more. */
  abandon(): void {
    this.#close(ABANDONED);
  }

  #readWhenFull(): number {
    return (Atomics.load(this.#control, WRITTEN) - BYTES) | 0;
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

/** The reading end. A thread that has nothing else to do reads with `read`, others with `take` and `news`. */
export class RingReader {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #data: Uint8Array;
  #known = 0;

  constructor({ control, data }: RingMemory) {
    this.#control = new Int32Array(control);
    this.#data = new Uint8Array(data);
  }

  /** Copies what is there, at most what fits into `target`: how much that is. Else why there is nothing. */
  take(target: Uint8Array): number | 'nothing yet' | 'ended' | 'abandoned' {
    this.#known = Atomics.load(this.#control, NEWS);
    const state = Atomics.load(this.#control, STATE);
    if (state === ABANDONED) return 'abandoned';
    const read = Atomics.load(this.#control, READ);
    const there = (Atomics.load(this.#control, WRITTEN) - read) >>> 0;
    if (there === 0) return state === ENDED ? 'ended' : 'nothing yet';
    const at = (read >>> 0) % BYTES;
    const n = Math.min(there, target.length, BYTES - at);
    target.set(this.#data.subarray(at, at + n));
    Atomics.store(this.#control, READ, (read + n) | 0);
    Atomics.notify(this.#control, READ);
    return n;
  }

  /** Waits until the writer has done something since the last `take`, or somebody has called `wake`. */
  async news(): Promise<void> {
    await Atomics.waitAsync(this.#control, NEWS, this.#known).value;
  }

  /** Lets a reader that waits for news go on, as nobody will write any more. */
  wake(): void {
    Atomics.notify(this.#control, NEWS);
  }

  /** As `take`, but blocks the thread until there is something. */
  read(target: Uint8Array): number | 'ended' | 'abandoned' {
    for (;;) {
      const taken = this.take(target);
      if (taken !== 'nothing yet') return taken;
      Atomics.wait(this.#control, NEWS, this.#known);
    }
  }

  /** Nothing more will be taken: a writer that waits for room goes on, and finds that out. */
  abandon(): void {
    Atomics.store(this.#control, STATE, ABANDONED);
    Atomics.store(this.#control, READ, Atomics.load(this.#control, WRITTEN)); // as if all had been read: there is room
    Atomics.notify(this.#control, READ);
  }

  /** What the writer told last. */
  get mark(): number {
    return Atomics.load(this.#control, MARK) >>> 0;
  }
}
