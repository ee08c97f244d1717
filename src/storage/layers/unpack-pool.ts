import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { badLayer } from '../errors.ts';
import type { Failure, FromWorker, ToWorker } from './unpack-protocol.ts';
import type { Unpacked } from './unpack-layer.ts';

/** So many layers are unpacked at once; each keeps a core busy with files and another with inflating. */
const MOST = Math.min(4, Math.max(2, availableParallelism()));
/** Little room for young objects: what they stand for, buffers outside the heap, is given back the sooner. */
const YOUNG_MB = 2;
/** Bytes that may wait in a thread. */
const WINDOW = 4 * 1024 * 1024;
/** Messages between threads cost; small pieces go together. */
const BATCH = 256 * 1024;
const IDLE_MS = 5_000;

/** The worker's file: beside this one in the sources, among the programs in the bundle. */
function workerUrl(): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL('./unpack-worker.ts', here);
  return new URL(/\/main\/[^/]+$/.test(here) ? './unpack-worker.js' : './main/unpack-worker.js', here);
}

interface Thread {
  readonly worker: Worker;
  idle: NodeJS.Timeout | undefined;
}

/** Threads that unpack layers. They end when they are idle for a while, and do not keep the program alive. */
export class UnpackPool implements AsyncDisposable {
  readonly #idle: Thread[] = [];
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /**
   * As `unpackLayer`, in another thread. The source is not read before a thread is free.
   * @throws what the source throws, or `BAD_LAYER`
   */
  async unpack(
    directory: string,
    source: AsyncIterable<Uint8Array>,
    options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: ((n: number) => void) | undefined },
  ): Promise<Unpacked> {
    while (this.#running >= MOST) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    const thread = this.#take();
    let whole = false;
    try {
      const unpacked = await converse(thread.worker, directory, source, options);
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
    return { worker, idle: undefined };
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
  worker: Worker,
  directory: string,
  source: AsyncIterable<Uint8Array>,
  options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: ((n: number) => void) | undefined },
): Promise<Unpacked> {
  const say = (message: ToWorker): void => worker.postMessage(message);
  const finished = Promise.withResolvers<Unpacked>();
  finished.promise.catch(() => undefined); // it is awaited below, perhaps after the source has failed
  let ahead = 0;
  let wake: () => void = () => undefined;
  let ended = false;
  const onMessage = (message: FromWorker): void => {
    if (message.kind === 'taken') {
      ahead -= message.bytes;
      if (message.grown > 0) options.onBytes?.(message.grown);
      wake();
      return;
    }
    ended = true;
    wake();
    if (message.kind === 'done') finished.resolve(message.unpacked);
    else finished.reject(revive(message.failure));
  };
  const onError = (e: Error): void => {
    ended = true;
    wake();
    finished.reject(e);
  };
  const onExit = (): void => onError(new Error('the thread that unpacks layers has ended'));
  worker.on('message', onMessage).once('error', onError).once('exit', onExit);
  worker.ref();
  try {
    say({ kind: 'begin', directory });
    let batch: Uint8Array[] = [];
    let length = 0;
    const send = async (): Promise<void> => {
      const bytes = batch.length === 1 && batch[0] ? batch[0] : Buffer.concat(batch);
      batch = [];
      length = 0;
      while (ahead >= WINDOW && !ended) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      ahead += bytes.length;
      say({ kind: 'data', bytes });
    };
    for await (const chunk of source) {
      options.signal?.throwIfAborted();
      if (ended) break;
      batch.push(chunk);
      length += chunk.length;
      if (length >= BATCH) await send();
    }
    if (length > 0) await send();
    say({ kind: 'end' });
    return await finished.promise;
  } catch (e) {
    say({ kind: 'abort' });
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
