import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { badLayer } from '../errors.ts';
import { type RingMemory, ringMemory, RingWriter } from './ring.ts';
import type { Unpacked, UnpackTarget } from './unpack-layer.ts';
import type { Failure, FromWorker, ToWorker } from './unpack-protocol.ts';

/** So many layers are unpacked at once: more than there are cores, as each waits for the disk and the network now and then. */
const MOST = Math.min(4, availableParallelism() + 1);
/** Little room for young objects: what they stand for, buffers outside the heap, is given back the sooner. */
const YOUNG_MB = 2;
const IDLE_MS = 5_000;

/** The worker's file: beside this one in the sources, among the programs in the bundle. */
function workerUrl(): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL('./unpack-worker.ts', here);
  return new URL(/\/main\/[^/]+$/.test(here) ? './unpack-worker.js' : './main/unpack-worker.js', here);
}

interface Thread {
  readonly worker: Worker;
  readonly ring: RingMemory;
  idle: NodeJS.Timeout | undefined;
}

/** Threads that unpack layers. They end when they are idle for a while, and do not keep the program alive. */
export class UnpackPool implements AsyncDisposable {
  readonly #idle: Thread[] = [];
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /**
   * Unpacks a layer in another thread. The source is not read before a thread is free.
   * @throws what the source throws, or `BAD_LAYER`
   */
  async unpack(
    target: UnpackTarget,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<Unpacked> {
    while (this.#running >= MOST) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    const thread = this.#take();
    let whole = false;
    try {
      const unpacked = await converse(thread, target, source, signal);
      whole = true;
      return unpacked;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
      if (whole) this.#giveBack(thread);
      else await thread.worker.terminate();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { worker, idle } of this.#idle.splice(0)) {
      clearTimeout(idle);
      await worker.terminate();
    }
  }

  #take(): Thread {
    const known = this.#idle.pop();
    if (known) {
      clearTimeout(known.idle);
      return known;
    }
    const worker = new Worker(workerUrl(), { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    worker.unref();
    return { worker, ring: ringMemory(), idle: undefined };
  }

  #giveBack(thread: Thread): void {
    this.#idle.push(thread);
    thread.idle = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(thread), 1);
      void thread.worker.terminate();
    }, IDLE_MS);
    thread.idle.unref();
  }
}

/** Sends a layer to a thread, no faster than it takes it, and waits for what it makes of it. */
async function converse(
  { worker, ring }: Thread,
  target: UnpackTarget,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Unpacked> {
  const finished = Promise.withResolvers<Unpacked>();
  finished.promise.catch(() => undefined); // it is awaited below, perhaps after the source has failed
  const writer = new RingWriter(ring);
  writer.reset();
  let ended = false;
  const end = (settle: () => void): void => {
    ended = true;
    writer.wake();
    settle();
  };
  const onMessage = (message: FromWorker): void =>
    end(() => {
      if (message.kind === 'done') finished.resolve(message.unpacked);
      else finished.reject(message.kind === 'failed' ? revive(message.failure) : new Error('abandoned'));
    });
  const onError = (e: Error): void => end(() => finished.reject(e));
  const onExit = (): void => onError(new Error('the thread that unpacks layers has ended'));
  worker.on('message', onMessage).once('error', onError).once('exit', onExit);
  worker.ref();
  try {
    worker.postMessage({ target, ring } satisfies ToWorker);
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length && !ended; ) {
        signal?.throwIfAborted();
        const n = writer.put(at === 0 ? chunk : chunk.subarray(at));
        at += n;
        if (n === 0) await writer.room();
      }
      if (ended) break;
    }
    writer.end();
    return await finished.promise;
  } catch (e) {
    writer.abandon();
    throw e;
  } finally {
    worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    worker.unref();
  }
}

function revive({ message, code, errno }: Failure): Error {
  if (code === badLayer.code) return badLayer({ why: message });
  return Object.assign(new Error(message), errno === undefined ? {} : { code: errno });
}
