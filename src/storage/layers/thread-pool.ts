import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type RingMemory, ringMemory, resetRing } from './ring.ts';

/** So many layers are worked on at once: more than there are cores, as each waits for the disk and the network now and then. */
const MOST = Math.min(4, availableParallelism() + 1);
/** Little room for young objects: what they stand for, buffers outside the heap, is given back the sooner. */
const YOUNG_MB = 2;
const IDLE_MS = 5_000;

/** The thread's file: beside this one in the sources, among the programs in the bundle. */
function threadUrl(): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL('./layer-thread.ts', here);
  return new URL(/\/main\/[^/]+$/.test(here) ? './layer-thread.js' : './main/layer-thread.js', here);
}

interface Thread {
  readonly worker: Worker;
  readonly ring: RingMemory;
  idle: NodeJS.Timeout | undefined;
}

/** A thread that is somebody's until it is disposed. It keeps the program alive meanwhile. */
export interface Lease extends AsyncDisposable {
  readonly worker: Worker;
  /** Ready for a stream. */
  readonly ring: RingMemory;
  /** The thread has answered and can have more work; else it has died, and what is left of it goes when the lease does. */
  finished(): void;
}

/** Threads that unpack and compress layers. They end when they are idle for a while, and do not keep the program alive. */
export class ThreadPool implements AsyncDisposable {
  readonly #idle: Thread[] = [];
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Waits until a thread is free. */
  async lease(): Promise<Lease> {
    while (this.#running >= MOST) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    const thread = this.#take();
    thread.worker.ref();
    resetRing(thread.ring);
    let whole = false;
    return {
      worker: thread.worker,
      ring: thread.ring,
      finished: () => {
        whole = true;
      },
      [Symbol.asyncDispose]: async () => {
        thread.worker.unref();
        this.#running--;
        this.#waiting.shift()?.();
        if (whole) this.#giveBack(thread);
        else await thread.worker.terminate();
      },
    };
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
    const worker = new Worker(threadUrl(), { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
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
