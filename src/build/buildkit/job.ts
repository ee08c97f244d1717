import { newId } from '../../core/ids.ts';
import { CODE, RpcError } from './grpc/status.ts';
import { ProgressLog } from './progress.ts';
import type { CacheSpec } from '../remote-cache/spec.ts';
import type { Exporter, ReturnRequest } from './wire/messages.ts';
import type { Of } from './wire/protobuf.ts';

/** How long a call waits for the build that it names. */
const ARRIVAL_MS = 6_000;
/** Builds whose progress can still be read after their end. */
const KEPT = 16;

/** One `Solve` of a client's, and what its other calls do for it. */
export interface Job {
  readonly ref: string;
  readonly session: string;
  readonly exporters: readonly Exporter[];
  /** `--cache-to`. */
  readonly cacheTo: readonly CacheSpec[];
  /** `--cache-to type=inline`. */
  readonly inlineCache: boolean;
  /** What the client allows beyond the usual. */
  readonly allow: readonly string[];
  /** The last cache that was written into a directory of the client's: it makes it known there. */
  cacheManifest: { readonly mediaType: string; readonly digest: string; readonly size: number } | undefined;
  readonly progress: ProgressLog;
  /** Aborted when the client goes or the daemon ends. */
  readonly signal: AbortSignal;
  /** Images that the client's part of the build was given, by the name it knows them by. */
  readonly results: Map<string, string>;
  /** Its result is of several platforms, which no image of the engine can be. */
  isSeveral: boolean;
  /** What the client's part of the build came to. */
  readonly returned: PromiseWithResolvers<Of<typeof ReturnRequest>>;
}

/** The builds under way, and a few that have ended. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #arrived = new EventTarget();

  /** @throws {RpcError} if there is a build of that name */
  add(facts: Pick<Job, 'ref' | 'session' | 'exporters' | 'cacheTo' | 'inlineCache' | 'allow' | 'signal'>): Job {
    if (this.#jobs.has(facts.ref)) throw new RpcError(CODE.alreadyExists, `build ${facts.ref} already exists`);
    const job: Job = {
      ...facts,
      cacheManifest: undefined,
      progress: new ProgressLog(),
      results: new Map(),
      isSeveral: false,
      returned: Promise.withResolvers(),
    };
    job.returned.promise.catch(() => undefined);
    this.#jobs.set(job.ref, job);
    this.#arrived.dispatchEvent(new Event(job.ref));
    const old = [...this.#jobs.values()].filter((j) => j.signal.aborted);
    for (const { ref } of old.slice(0, -KEPT)) this.#jobs.delete(ref);
    return job;
  }

  has(ref: string): boolean {
    return this.#jobs.has(ref);
  }

  /** @throws {RpcError} if it does not come within a few seconds */
  async get(ref: string, signal: AbortSignal): Promise<Job> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ARRIVAL_MS);
    signal.addEventListener('abort', () => resolve(), { once: true });
    this.#arrived.addEventListener(ref, () => resolve(), { once: true });
    if (!this.#jobs.has(ref)) await promise;
    clearTimeout(timer);
    signal.throwIfAborted();
    const job = this.#jobs.get(ref);
    if (job === undefined) throw new RpcError(CODE.notFound, `no such job ${ref}`);
    return job;
  }
}

export function keepResult(job: Job, image: string): string {
  const id = newId();
  job.results.set(id, image);
  return id;
}
