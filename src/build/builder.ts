import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, messageOf, WharfError } from '../core/errors.ts';
import type { ProgressMessage } from '../core/wire/resources.ts';
import { BuildCache } from './cache/cache.ts';
import { LayerLeases } from './cache/leases.ts';
import type { Builder, BuilderOptions, BuildRequest } from './contract.ts';
import type { BuildParts } from './solve/build.ts';
import { build } from './solve/build.ts';
import { CacheMounts } from './solve/cache-mounts.ts';
import { BuildExits } from './solve/exits.ts';
import { firstFailure } from './solve/first-failure.ts';
import { BUILD_PREFIX } from './solve/snapshot.ts';

const SIGKILL = 9;
/** How long the end of a build container that a crash left is waited for. */
const SWEEP_TIMEOUT_MS = 10_000;

/** The builder of one daemon. */
export class LocalBuilder implements Builder {
  readonly #options: BuilderOptions;
  readonly #parts: BuildParts;
  readonly #running = new Set<{ readonly abort: AbortController; readonly done: Promise<unknown> }>();

  constructor(options: BuilderOptions) {
    const { engine, dataRoot, execRoot, instance, log } = options;
    const { storage, runtime } = engine.parts;
    this.#options = options;
    this.#parts = {
      run: { engine, exits: new BuildExits(runtime), execRoot, instance },
      cache: new BuildCache(storage.db, storage.layers),
      leases: new LayerLeases(storage),
      cacheMounts: new CacheMounts(join(dataRoot, 'build', 'cache-mounts')),
      temporary: join(dataRoot, 'build', 'tmp'),
      log,
    };
  }

  /** Removes what builds left that a crash cut short. */
  async sweep(): Promise<void> {
    const { engine, execRoot, log } = this.#options;
    const { storage, runtime, networks } = engine.parts;
    const ours = (await runtime.alive()).map((c) => c.containerId).filter((id) => id.startsWith(BUILD_PREFIX));
    for (const id of ours) {
      try {
        const { exit } = this.#parts.run.exits.expect(id);
        await runtime.kill(id, SIGKILL, { all: true });
        await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, SWEEP_TIMEOUT_MS).unref())]);
        await runtime.delete(id);
        await networks.closeSandbox(id);
      } catch (e) {
        log.warn('a build container of an earlier run could not be removed', { id, error: messageOf(e) });
      }
    }
    for (const { key } of storage.snapshots.list()) {
      if (key.startsWith(BUILD_PREFIX)) await storage.snapshots.remove(key);
    }
    await rm(this.#parts.temporary, { recursive: true, force: true });
    await rm(join(execRoot, 'build'), { recursive: true, force: true });
  }

  async build(request: BuildRequest, onMessage: (m: ProgressMessage) => void, signal: AbortSignal): Promise<string> {
    const abort = new AbortController();
    const told = request.quiet ? new QuietOutput(onMessage) : undefined;
    const work = build(
      request,
      this.#parts,
      (m) => (told === undefined ? onMessage(m) : told.hold(m)),
      AbortSignal.any([signal, abort.signal]),
    );
    const entry = { abort, done: work.catch(() => undefined) };
    this.#running.add(entry);
    try {
      const id = await work;
      if (told !== undefined) onMessage({ stream: `${id}\n` });
      return id;
    } catch (e) {
      told?.release();
      const failure = firstFailure(e, this.#options.log);
      if (failure instanceof WharfError || signal.aborted) throw failure;
      this.#options.log.error('a build failed unexpectedly', { error: messageOf(failure), errno: errnoOf(failure) });
      throw failure;
    } finally {
      this.#running.delete(entry);
    }
  }

  async prune(): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    const { cache, cacheMounts } = this.#parts;
    const { engine } = this.#options;
    const { layers } = engine.parts.storage;
    const images = await engine.images.list({ all: true, filters: {}, sharedSize: false });
    const used = new Set<string>(images.flatMap(({ Id }) => engine.images.find(Id)?.chain ?? []));
    const candidates = cache.layers().filter((id) => !used.has(id));
    await this.#parts.leases.clear();
    let reclaimed = 0;
    // A layer that others stand on can only go after them: a few rounds, until one brings nothing.
    for (let progress = true; progress; ) {
      progress = false;
      for (const id of candidates) {
        const layer = layers.find(id);
        if (layer === undefined) continue;
        try {
          await layers.remove(id);
          reclaimed += layer.sizeBytes;
          progress = true;
        } catch (e) {
          if (!(e instanceof WharfError && e.code === 'LAYER_IN_USE')) throw e;
        }
      }
    }
    const forgotten = cache.clear();
    if (this.#running.size === 0) await cacheMounts.clear();
    return { CachesDeleted: forgotten.length === 0 ? null : forgotten, SpaceReclaimed: reclaimed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running];
    for (const { abort } of running) abort.abort(new Error('the daemon is shutting down'));
    await Promise.all(running.map((r) => r.done));
  }
}

/** Keeps what a quiet build says, to tell it only if the build fails. */
class QuietOutput {
  readonly #onMessage: (m: ProgressMessage) => void;
  readonly #kept: ProgressMessage[] = [];

  constructor(onMessage: (m: ProgressMessage) => void) {
    this.#onMessage = onMessage;
  }

  hold(message: ProgressMessage): void {
    if (message.stream !== undefined) this.#kept.push(message);
  }

  release(): void {
    for (const message of this.#kept) this.#onMessage(message);
  }
}
