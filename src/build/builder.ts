import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf, invalidParameter, messageOf, WharfError } from '../core/errors.ts';
import type { ProgressMessage } from '../core/wire/resources.ts';
import { archiveOptions, imageArchive } from './archive.ts';
import { BuildKit } from './buildkit/services.ts';
import { BuildCache } from './cache/cache.ts';
import { LayerLeases } from './cache/leases.ts';
import { StepMemory } from './cache/ingredients.ts';
import { cacheEntries, pruneCache } from './cache/usage.ts';
import type { BuildRecord, CacheEntry } from '../core/wire/build.ts';
import type { Builder, BuildKitServices, BuilderOptions, BuildRequest, PruneOptions, LoggedEvent } from './contract.ts';
import { CompressedLayers } from './remote-cache/export.ts';
import { KnownDirectories } from './files/known-files.ts';
import { KeptContexts } from './context/kept-contexts.ts';
import { contextNotHere } from './errors.ts';
import { tarOf } from './files/tar-of.ts';
import { BuildHistory } from './records.ts';
import { pushImages } from './push.ts';
import type { BuildParts } from './solve/build-parts.ts';
import { build } from './solve/build.ts';
import { CacheMounts } from './solve/cache-mounts.ts';
import { BuildExits } from './solve/exits.ts';
import { firstFailure } from './solve/first-failure.ts';
import { Reporter } from './solve/reporter.ts';
import { BUILD_PREFIX } from './solve/snapshot.ts';
import { waitingCache } from './solve/write-caches.ts';
import { removalsEnded } from './files/file-threads.ts';
import { openSourceView } from './solve/source-view.ts';

const SIGKILL = 9;
/** How long the end of a build container that a crash left is waited for. */
const SWEEP_TIMEOUT_MS = 10_000;

/** The builder of one daemon. */
export class LocalBuilder implements Builder {
  readonly #options: BuilderOptions;
  readonly #parts: BuildParts;
  readonly #history: BuildHistory;
  readonly #contexts: KeptContexts;
  readonly buildKit: BuildKitServices;
  readonly #running = new Set<{ readonly abort: AbortController; readonly done: Promise<unknown> }>();

  constructor(options: BuilderOptions) {
    const { engine, dataRoot, execRoot, instance, log } = options;
    const { storage, runtime } = engine.parts;
    this.#options = options;
    this.#history = new BuildHistory(storage.db, join(dataRoot, 'build', 'logs'));
    this.#contexts = new KeptContexts(join(dataRoot, 'build', 'contexts'));
    const contexts = this.#contexts;
    this.buildKit = new BuildKit({ engine, builder: this, instance, contexts, log: log.child({ part: 'buildkit' }) });
    this.#parts = {
      run: { engine, exits: new BuildExits(runtime), execRoot, instance },
      cache: new BuildCache(storage.db, storage.layers),
      memory: new StepMemory(storage.db),
      leases: new LayerLeases(storage),
      compressed: new CompressedLayers(storage.db),
      cacheMounts: new CacheMounts(join(dataRoot, 'build', 'cache-mounts')),
      temporary: join(dataRoot, 'build', 'tmp'),
      known: new KnownDirectories(join(dataRoot, 'build', 'known-files')),
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
    this.#parts.memory.trim();
    this.#history.trim();
    this.#parts.known.trim();
    await this.#contexts.trim();
    await rm(this.#parts.temporary, { recursive: true, force: true });
    await rm(join(execRoot, 'build'), { recursive: true, force: true });
  }

  async build(request: BuildRequest, onMessage: (m: ProgressMessage) => void, signal: AbortSignal): Promise<string> {
    const abort = new AbortController();
    const wantsEvents = request.extras?.events === true;
    const told = request.quiet && !wantsEvents ? new QuietOutput(onMessage) : undefined;
    const say = (message: ProgressMessage): void => {
      if (wantsEvents) {
        if (message.aux !== undefined) onMessage(message);
      } else if (told !== undefined) told.hold(message);
      else onMessage(message);
    };
    const reporter: Reporter = new Reporter((event) => {
      record.take(event);
      if (wantsEvents) onMessage({ aux: { Wharf: event } });
    });
    const record = this.#history.begin(request, reporter);
    const work = build(request, this.#parts, say, reporter, AbortSignal.any([signal, abort.signal]));
    const entry = { abort, done: work.catch(() => undefined) };
    this.#running.add(entry);
    try {
      const id = await work;
      if (request.extras?.checkOnly !== true) record.end('completed', { image: id });
      if (told !== undefined) onMessage({ stream: `${id}\n` });
      return id;
    } catch (e) {
      told?.release();
      const failure = firstFailure(e, this.#options.log);
      if (request.extras?.checkOnly !== true && !contextNotHere.is(failure)) {
        record.end(signal.aborted || abort.signal.aborted ? 'canceled' : 'failed', { error: messageOf(failure) });
      }
      if (failure instanceof WharfError || signal.aborted) throw failure;
      this.#options.log.error('a build failed unexpectedly', { error: messageOf(failure), errno: errnoOf(failure) });
      throw failure;
    } finally {
      this.#running.delete(entry);
    }
  }

  history(): readonly BuildRecord[] {
    return this.#history.list();
  }

  historyLog(id: string): readonly LoggedEvent[] {
    return this.#history.log(id);
  }

  forget(id: string): boolean {
    return this.#history.remove(id);
  }

  async usage(): Promise<CacheEntry[]> {
    const { cache, cacheMounts } = this.#parts;
    return cacheEntries(cache, cacheMounts, await this.#layersOfImages(), this.#options.engine.parts.storage.layers);
  }

  async prune(options: PruneOptions = {}): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    // First what needs no word to the database: on a full disk that makes the room for the rest.
    if (options.unusedForSeconds === undefined && options.keepBytes === undefined) {
      this.#parts.known.clear();
      await this.#contexts.clear();
    }
    const { layers } = this.#options.engine.parts.storage;
    const context = { ...this.#parts, layers, used: await this.#layersOfImages(), idle: this.#running.size === 0 };
    return pruneCache(context, options);
  }

  async files(image: string, signal: AbortSignal): Promise<Readable> {
    const { images, parts } = this.#options.engine;
    const view = await openSourceView(parts.storage, images.get(image).chain.at(-1) ?? null);
    return tarOf(view, signal);
  }

  archive(...[images, type, attrs, signal]: Parameters<Builder['archive']>) {
    const { engine } = this.#options;
    const { temporary, compressed } = this.#parts;
    const found = images.map((image) => engine.images.get(image));
    return imageArchive(found, archiveOptions(type, attrs), { engine, temporary, compressed }, signal);
  }

  push(...[images, attrs, client, signal]: Parameters<Builder['push']>) {
    const { engine } = this.#options;
    const found = images.map((image) => engine.images.get(image));
    return pushImages(found, attrs, client, { ...this.#parts, engine }, signal);
  }

  async takeCache(id: string, signal: AbortSignal): Promise<Readable> {
    const directory = waitingCache(this.#parts.temporary, id);
    if (!/^\w+$/.test(id) || !existsSync(directory)) throw invalidParameter({ message: `no build cache ${id} waits` });
    const remove = () => rm(directory, { recursive: true, force: true });
    return tarOf({ root: directory, [Symbol.asyncDispose]: remove }, signal);
  }

  async #layersOfImages(): Promise<ReadonlySet<string>> {
    const { images } = this.#options.engine;
    const all = await images.list({ all: true, filters: {}, sharedSize: false });
    return new Set<string>(all.flatMap(({ Id }) => images.find(Id)?.chain ?? []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running];
    for (const { abort } of running) abort.abort(new Error('the daemon is shutting down'));
    await Promise.all(running.map((r) => r.done));
    await removalsEnded();
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
