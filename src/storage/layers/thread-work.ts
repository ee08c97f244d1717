import { PROGRESS_UNIT } from './compress-layer.ts';
import type { TarRecipe } from './remake.ts';
import { RingReader, RingWriter } from './ring.ts';
import type { Lease, ThreadPool } from './thread-pool.ts';
import { type FromThread, revive, type ToThread } from './thread-protocol.ts';
import type { Unpacked, UnpackTarget } from './unpack-layer.ts';

/**
 * Unpacks a layer in another thread, which gets the bytes no faster than it takes them. The source is not read before a thread
 * is free.
 * @throws what the source throws, or `BAD_LAYER`
 */
export async function unpackInThread(
  pool: ThreadPool,
  target: UnpackTarget,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Unpacked> {
  await using lease = await pool.lease();
  const writer = new RingWriter(lease.ring);
  using talk = new Conversation(lease, () => writer.wake());
  talk.say({ kind: 'unpack', ring: lease.ring, target });
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length && !talk.over; ) {
        signal?.throwIfAborted();
        const n = writer.put(at === 0 ? chunk : chunk.subarray(at));
        at += n;
        if (n === 0) await writer.room();
      }
      if (talk.over) break;
    }
  } catch (e) {
    writer.abandon();
    await talk.settled();
    throw e;
  }
  writer.end();
  const answer = await talk.answer;
  if (answer.kind !== 'unpacked') throw new Error(`unexpected answer: ${answer.kind}`);
  return answer.unpacked;
}

/**
 * A layer's tar as gzip, made in another thread as fast as it is read.
 * @param onProgress told how much of the tar is done
 * @throws {WharfError} `DIGEST_MISMATCH`, `BAD_LAYER`
 */
export async function* compressInThread(
  pool: ThreadPool,
  recipe: TarRecipe,
  onProgress: (tarBytes: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  await using lease = await pool.lease();
  const reader = new RingReader(lease.ring);
  using talk = new Conversation(lease, () => reader.wake());
  talk.say({ kind: 'compress', ring: lease.ring, recipe });
  try {
    for (;;) {
      const piece = Buffer.allocUnsafeSlow(64 * 1024);
      const n = reader.take(piece);
      if (n === 'ended') break;
      if (typeof n === 'number') {
        onProgress(reader.mark * PROGRESS_UNIT);
        yield piece.subarray(0, n);
      } else if (talk.over) break;
      else await reader.news();
    }
    await talk.answer;
  } finally {
    // Whoever reads may leave in the middle.
    if (!talk.over) {
      reader.abandon();
      await talk.settled();
    }
  }
}

/** One question to a thread, and its answer. */
class Conversation implements Disposable {
  readonly #worker: Lease['worker'];
  readonly #answer = Promise.withResolvers<FromThread>();
  readonly #onMessage: (message: FromThread) => void;
  readonly #onError: (e: Error) => void;
  readonly #onExit: () => void;
  /** The thread has answered, or died: nothing more comes through the ring, in either direction. */
  over = false;

  constructor(lease: Lease, onOver: () => void) {
    const { worker } = lease;
    this.#worker = worker;
    this.#answer.promise.catch(() => undefined); // it is awaited later, perhaps never
    const end = (settle: () => void): void => {
      this.over = true;
      settle();
      onOver();
    };
    this.#onMessage = (message) =>
      end(() => {
        lease.finished(); // it has answered, and waits for more
        if (message.kind === 'failed') this.#answer.reject(revive(message.failure));
        else this.#answer.resolve(message);
      });
    this.#onError = (e) => end(() => this.#answer.reject(e));
    this.#onExit = () => this.#onError(new Error('the thread that works on layers has ended'));
    worker.on('message', this.#onMessage).once('error', this.#onError).once('exit', this.#onExit);
  }

  /** @throws what went wrong in the thread */
  get answer(): Promise<FromThread> {
    return this.#answer.promise;
  }

  /** Waits until the thread has answered or died. It must not be ended before: native code in it would take the process along. */
  async settled(): Promise<void> {
    await this.#answer.promise.catch(() => undefined);
  }

  say(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  [Symbol.dispose](): void {
    this.#worker.off('message', this.#onMessage).off('error', this.#onError).off('exit', this.#onExit);
  }
}
