import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { copyFile, type CopyJob } from './copy-file.ts';
import type { FileSource } from './read-file.ts';
import { digestOf } from './read-file.ts';
import { Turn } from './turns.ts';

/** What one thread is given at a time: enough that messages cost little, and little enough that all are busy to the end. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_FILES = 500;
/** So little is read by the thread that asks: starting others takes longer. */
const SMALL_BYTES = 16 * 1024 * 1024;
const FEW_FILES = 1000;
const IDLE_MS = 5_000;

export type ToThread =
  | { readonly kind: 'digest'; readonly files: readonly FileSource[] }
  | { readonly kind: 'copy'; readonly jobs: readonly CopyJob[] }
  | { readonly kind: 'remove'; readonly path: string };
export type FromThread =
  | { readonly kind: 'digests'; readonly digests: readonly (string | undefined)[] }
  /** `changed`: which of them could not be copied as it was. */
  | { readonly kind: 'copied'; readonly changed: number | undefined }
  | { readonly kind: 'removed' }
  | { readonly kind: 'failed'; readonly message: string; readonly errno: string | undefined };

/** SHA-256 of each file in hexadecimal; `undefined` for one that was changed since it was looked at. */
export async function digestFiles(files: readonly FileSource[]): Promise<(string | undefined)[]> {
  const digests: (string | undefined)[] = [];
  if (bytesOf(files) <= SMALL_BYTES) {
    const turn = new Turn();
    for (const file of files) {
      digests.push(digestOf(file));
      if (turn.isOver) await turn.pass();
    }
    return digests;
  }
  await inThreads(
    batches(files, ({ stat }) => stat.size),
    async (thread, { first, items }) => {
      const answer = await thread.ask({ kind: 'digest', files: items });
      if (answer.kind === 'digests') for (const [i, digest] of answer.digests.entries()) digests[first + i] = digest;
    },
  );
  return digests;
}

/**
 * Copies files to new places, several at once.
 * @returns one that is not what it was when it was looked at, which ends the copying
 * @throws {Error} `ENOSPC` and its like
 */
export async function copyFiles(jobs: readonly CopyJob[], signal: AbortSignal): Promise<CopyJob | undefined> {
  let changed: CopyJob | undefined;
  if (jobs.length <= FEW_FILES && bytesOf(jobs.map(({ source }) => source)) <= SMALL_BYTES) {
    const turn = new Turn();
    for (const job of jobs) {
      if (!copyFile(job)) return job;
      if (turn.isOver) await turn.pass();
    }
    return undefined;
  }
  await inThreads(
    batches(jobs, ({ source }) => source.stat.size),
    async (thread, { items }) => {
      signal.throwIfAborted();
      if (changed !== undefined) return;
      const answer = await thread.ask({ kind: 'copy', jobs: items });
      if (answer.kind === 'copied' && answer.changed !== undefined) changed = items[answer.changed];
    },
  );
  return changed;
}

const removals = new Set<Promise<void>>();

/** Removes a directory of many files while other things go on. What cannot be removed stays for the next start to sweep. */
export function removeLater(path: string): void {
  const remove = async (): Promise<void> => {
    await using thread = FileThread.take();
    await thread.ask({ kind: 'remove', path });
  };
  const removal: Promise<void> = remove()
    .catch(() => undefined)
    .finally(() => removals.delete(removal));
  removals.add(removal);
}

/** Resolves when all that was to be removed later is gone. */
export async function removalsEnded(): Promise<void> {
  await Promise.all(removals);
}

function bytesOf(files: readonly FileSource[]): number {
  return files.reduce((sum, { stat }) => sum + Number(stat.size), 0);
}

interface Batch<T> {
  readonly first: number;
  readonly items: T[];
}

function batches<T>(all: readonly T[], sizeOf: (item: T) => bigint): Batch<T>[] {
  const found: Batch<T>[] = [];
  let bytes = Infinity;
  for (const [i, item] of all.entries()) {
    let batch = found.at(-1);
    if (batch === undefined || bytes >= BATCH_BYTES || batch.items.length >= BATCH_FILES) {
      batch = { first: i, items: [] };
      found.push(batch);
      bytes = 0;
    }
    batch.items.push(item);
    bytes += Number(sizeOf(item));
  }
  return found;
}

/** Does all batches, as many at once as there are cores. The first failure is thrown when none is under way any more. */
async function inThreads<T>(
  all: Batch<T>[],
  work: (thread: FileThread, batch: Batch<T>) => Promise<void>,
): Promise<void> {
  const queue = all.toReversed();
  const workers = Array.from({ length: Math.min(queue.length, availableParallelism()) }, async () => {
    await using thread = FileThread.take();
    try {
      for (let batch = queue.pop(); batch !== undefined; batch = queue.pop()) await work(thread, batch);
    } catch (e) {
      queue.length = 0;
      throw e;
    }
  });
  const ended = await Promise.allSettled(workers);
  const failed = ended.find((e) => e.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The worker's file: beside this one in the sources, among the programs in the bundle. */
function workerUrl(): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL('./file-worker.ts', here);
  return new URL(/\/main\/[^/]+$/.test(here) ? './file-worker.js' : './main/file-worker.js', here);
}

/** A thread that reads and copies files. Disposing it makes it free for others; it ends when nobody takes it for a while. */
class FileThread implements AsyncDisposable {
  static readonly #idle: FileThread[] = [];
  readonly #worker = new Worker(workerUrl(), { execArgv: [], argv: [], trackUnmanagedFds: false });
  #timer: NodeJS.Timeout | undefined;
  #broken = false;

  private constructor() {
    this.#worker.unref();
    this.#worker.on('error', () => (this.#broken = true)); // who asks hears of it too
  }

  static take(): FileThread {
    const thread = FileThread.#idle.pop() ?? new FileThread();
    clearTimeout(thread.#timer);
    return thread;
  }

  /** @throws {Error} with `code` as the system call that failed gave it */
  async ask(message: ToThread): Promise<FromThread> {
    const { promise, resolve, reject } = Promise.withResolvers<FromThread>();
    const onExit = (): void => reject(new Error('a thread that reads files has ended'));
    this.#worker.once('message', resolve).once('error', reject).once('exit', onExit);
    this.#worker.ref();
    try {
      this.#worker.postMessage(message);
      const answer = await promise;
      if (answer.kind !== 'failed') return answer;
      throw Object.assign(new Error(answer.message), answer.errno === undefined ? {} : { code: answer.errno });
    } finally {
      this.#worker.off('message', resolve).off('error', reject).off('exit', onExit);
      this.#worker.unref();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#broken) {
      await this.#worker.terminate();
      return;
    }
    FileThread.#idle.push(this);
    this.#timer = setTimeout(() => {
      FileThread.#idle.splice(FileThread.#idle.indexOf(this), 1);
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }
}
