import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as yieldToOthers, setTimeout } from 'node:timers/promises';
import { chainIds, type ChainId, type DiffId, digestFromHex, sha256 } from '../../core/digest.ts';
import type { Database, Filling, KeptBlob, Layer, LayerFile, LayerStore, StagedLayer } from '../contract.ts';
import { digestMismatch, layerInUse, layerNotFound } from '../errors.ts';
import { diskUsageOf } from '../disk-usage.ts';
import type { Discards } from '../discards.ts';
import { type Layout, shortName } from '../layout.ts';
import { syncFileSystem } from '../../linux/index.ts';
import { removeTree } from '../remove-tree.ts';
import { compressionOf } from '../tar/decompress.ts';
import { byteString } from '../tar/entry.ts';
import { packTree } from '../tar/pack.ts';
import { layerContents } from './contents.ts';
import { adoptFromBelow } from './implied.ts';
import { type DigestedTar, KnownTars } from './known-tars.ts';
import { LowerView } from './lower-view.ts';
import { remakeTar, type TarRecipe } from './remake.ts';
import { LayerUnpacker, type Unpacked, type UnpackTarget } from './unpack-layer.ts';
import { ThreadPool } from './thread-pool.ts';
import { compressInThread, unpackInThread } from './thread-work.ts';

/** Compressed bytes that are unpacked at once, in this thread. */
const SMALL = 256 * 1024;
/** While a layer's files are being written, what is there goes to the disk so often. */
const SYNC_EVERY_MS = 40;
/** Name of the kept blob beside `fs`. */
const BLOB = 'blob';

/** A layer as the database keeps it. */
export interface LayerRecord {
  readonly diffId: DiffId;
  readonly parent: ChainId | null;
  readonly sizeBytes: number;
  readonly tarBytes: number;
  readonly blob?: KeptBlob;
  /** Its directory below `layers/`. */
  readonly directory: string;
  /** How its tar is made again: from the recipe, or by packing the tree. */
  readonly tar: 'recipe' | 'packed';
  readonly clampSeconds?: number;
}

/** Layers as directories that overlayfs takes as they are. See `LayerStore`. */
export class DirectoryLayerStore implements LayerStore, AsyncDisposable {
  readonly #layout: Layout;
  readonly #db: Database;
  readonly #records: ReturnType<typeof records>;
  readonly #tars: KnownTars;
  readonly #pool = new ThreadPool();
  readonly #discards: Discards;
  /** By directory. Layers do not change. */
  readonly #diskBytes = new Map<string, number>();

  constructor(layout: Layout, db: Database, discards: Discards) {
    this.#layout = layout;
    this.#discards = discards;
    this.#db = db;
    this.#records = records(db);
    this.#tars = new KnownTars(db);
  }

  find(chainId: ChainId): Layer | undefined {
    const record = this.#records.get(chainId);
    return record && asLayer(chainId, record);
  }

  list(): readonly Layer[] {
    return this.#records.entries().map(([chainId, record]) => asLayer(chainId as ChainId, record));
  }

  async apply(
    parent: ChainId | null,
    tar: AsyncIterable<Uint8Array>,
    options: Parameters<LayerStore['apply']>[2] = {},
  ): Promise<Layer> {
    if (parent !== null) this.#require(parent);
    if (options.expect !== undefined) {
      const there = this.find(chainIdOn(this.#records, parent, options.expect));
      if (there) return there;
    }
    await using staged = await this.stage(tar, options);
    return await staged.put(parent);
  }

  async stage(tar: AsyncIterable<Uint8Array>, options: Parameters<LayerStore['stage']>[1] = {}): Promise<StagedLayer> {
    const made = join(this.#layout.tmp, `layer-${shortName()}`);
    mkdirSync(made, { mode: 0o755 });
    const discard = () => removeTree(made);
    try {
      const { small, head, whole } = await begun(tar);
      const compression = compressionOf(head);
      const kept =
        options.blob !== undefined && (compression === 'gzip' || compression === 'zstd')
          ? { digest: options.blob, compression }
          : undefined;
      const target = { made, keep: kept && join(made, BLOB) };
      const unpacked = small
        ? await unpackHere(target, whole, options.signal)
        : await unpackInThread(this.#pool, target, whole, options.signal);
      if (options.expect !== undefined && options.expect !== unpacked.diffId) {
        throw digestMismatch({ expected: options.expect, actual: unpacked.diffId });
      }
      options.signal?.throwIfAborted();
      const { implied, sentBytes, ...facts } = unpacked;
      const blob = kept ? { blob: { ...kept, sizeBytes: sentBytes } } : {};
      // On its way to the disk while the layers below it are still coming.
      const synced = syncFileSystem(made);
      synced.catch(() => undefined);
      return {
        diffId: facts.diffId,
        put: async (parent) => {
          if (parent !== null) this.#require(parent);
          await synced;
          if (parent !== null && implied.length > 0) {
            adoptFromBelow(join(made, 'fs'), implied, new LowerView(this.lowerDirs(parent)));
            await syncFileSystem(made);
          }
          return this.#keep(made, parent, { ...facts, ...blob, tar: 'recipe' });
        },
        [Symbol.asyncDispose]: async () => {
          await synced.catch(() => undefined);
          await discard();
        },
      };
    } catch (e) {
      await discard();
      throw e;
    }
  }

  /**
   * Takes over a directory of changes (an upper directory of overlayfs) as a layer on `parent`; the directory is moved away.
   * On disk when this resolves, as no image may name a layer that a power cut empties. `also` runs in the transaction that records the layer.
   */
  async adopt(
    parent: ChainId | null,
    tree: string,
    options: {
      readonly sizeBytes: number;
      readonly clampSeconds?: number | undefined;
      readonly filling?: Filling | undefined;
      readonly also: () => void;
    },
  ): Promise<Layer> {
    const clamp = options.clampSeconds === undefined ? {} : { clampSeconds: options.clampSeconds };
    const { filling } = options;
    const awaited = filling && new Map([...filling.files].map(([name, file]) => [byteString(name), file]));
    const filled = filledAndSynced(tree, filling);
    const digesting = this.#tars.digestOf({ tree, filling, ...options }, () =>
      digestTar(packTree(tree, { whiteouts: 'overlay', passing: true, awaited, ...clamp })),
    );
    // Also if one fails: nobody is to write to the directory any more when it is removed.
    await Promise.allSettled([filled, digesting]);
    await filled;
    const { diffId, tarBytes } = await digesting;
    const made = join(this.#layout.tmp, `layer-${shortName()}`);
    mkdirSync(made, { mode: 0o755 });
    try {
      renameSync(tree, join(made, 'fs'));
      return this.#keep(
        made,
        parent,
        { diffId, sizeBytes: options.sizeBytes, tarBytes, tar: 'packed', ...clamp },
        options.also,
      );
    } finally {
      await removeTree(made);
    }
  }

  async tar(chainId: ChainId): Promise<Readable> {
    const record = this.#require(chainId);
    return Readable.from(remakeTar(this.#recipe(record)), {
      objectMode: false,
      highWaterMark: 1024 * 1024,
    });
  }

  compressed(chainId: ChainId, onProgress: (tarBytes: number) => void): AsyncIterable<Buffer> {
    return compressInThread(this.#pool, this.#recipe(this.#require(chainId)), onProgress);
  }

  blob(chainId: ChainId): Readable | undefined {
    const record = this.#require(chainId);
    if (record.blob === undefined) return undefined;
    return createReadStream(join(this.#layout.layers, record.directory, BLOB), { highWaterMark: 512 * 1024 });
  }

  async diskBytes(chainId: ChainId): Promise<number> {
    const { directory } = this.#require(chainId);
    const known = this.#diskBytes.get(directory);
    if (known !== undefined) return known;
    const bytes = await diskUsageOf(join(this.#layout.layers, directory));
    if (this.find(chainId)) this.#diskBytes.set(directory, bytes);
    return bytes;
  }

  contents(chainId: ChainId): Iterable<LayerFile> {
    return layerContents(join(this.#layout.layers, this.#require(chainId).directory, 'fs'));
  }

  lowerDirs(chainId: ChainId): readonly string[] {
    const directories: string[] = [];
    for (let at: ChainId | null = chainId; at !== null; ) {
      const record: LayerRecord = this.#require(at);
      directories.push(join(this.#layout.layers, record.directory, 'fs'));
      at = record.parent;
    }
    return directories;
  }

  async remove(chainId: ChainId): Promise<void> {
    const record = this.#records.get(chainId);
    if (!record) return;
    this.#db.transaction(() => {
      for (const [other, { parent }] of this.#records.entries()) {
        if (parent === chainId) throw layerInUse({ chainId, by: `layer ${other}` });
      }
      for (const [key, { parent }] of this.#db.collection<{ parent: ChainId | null }>('snapshots').entries()) {
        if (parent === chainId) throw layerInUse({ chainId, by: `snapshot "${key}"` });
      }
      this.#records.delete(chainId);
    });
    this.#diskBytes.delete(record.directory);
    await this.#discards.discard(join(this.#layout.layers, record.directory));
  }

  /** Removes directories that no record knows: what a crash left. */
  async sweep(): Promise<void> {
    this.#tars.trim();
    const known = new Set(this.#records.entries().map(([, record]) => record.directory));
    known.add(basename(this.#layout.init));
    for (const directory of readdirSync(this.#layout.layers)) {
      if (!known.has(directory)) await removeTree(join(this.#layout.layers, directory));
    }
    for (const [chainId, record] of this.#records.entries()) {
      if (!existsSync(join(this.#layout.layers, record.directory, 'fs'))) this.#records.delete(chainId);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  #recipe({ directory, diffId, tar, clampSeconds }: LayerRecord): TarRecipe {
    return { directory: join(this.#layout.layers, directory), diffId, tar, clampSeconds };
  }

  /** Moves a finished directory to its place and records it. If the layer is there by now, that one stays. */
  #keep(
    made: string,
    parent: ChainId | null,
    layer: Omit<LayerRecord, 'parent' | 'directory'>,
    also: () => void = () => undefined,
  ): Layer {
    const chainId = chainIdOn(this.#records, parent, layer.diffId);
    const there = this.find(chainId);
    if (there) {
      this.#db.transaction(also);
      return there;
    }
    const directory = shortName();
    const record: LayerRecord = { ...layer, parent, directory };
    renameSync(made, join(this.#layout.layers, directory));
    this.#db.transaction(() => {
      this.#records.put(chainId, record);
      also();
    });
    return asLayer(chainId, record);
  }

  #require(chainId: ChainId): LayerRecord {
    const record = this.#records.get(chainId);
    if (!record) throw layerNotFound({ chainId });
    return record;
  }
}

function records(db: Database) {
  return db.collection<LayerRecord>('layers');
}

function chainIdOn(known: ReturnType<typeof records>, parent: ChainId | null, diffId: DiffId): ChainId {
  if (parent === null) return chainIds([diffId])[0] as ChainId;
  if (!known.get(parent)) throw layerNotFound({ chainId: parent });
  return sha256(`${parent} ${diffId}`) as ChainId;
}

function asLayer(chainId: ChainId, { diffId, parent, sizeBytes, tarBytes, blob }: LayerRecord): Layer {
  return { chainId, diffId, parent, sizeBytes, tarBytes, blob };
}

/** Reads the beginning of a stream: what is small is not worth another thread. */
async function begun(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly small: boolean; readonly head: Uint8Array; readonly whole: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  while (length < SMALL && !ended) {
    const next = await iterator.next();
    if (next.done) ended = true;
    else {
      head.push(next.value);
      length += next.value.length;
    }
  }
  const whole = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* head;
      while (!ended) {
        const next = await iterator.next();
        if (next.done) ended = true;
        else yield next.value;
      }
    } finally {
      if (!ended) await iterator.return?.();
    }
  };
  return { small: ended, head: Buffer.concat(head.map((piece) => piece.subarray(0, 6)).slice(0, 6)), whole: whole() };
}

/**
 * Writes the content that is still to come, and brings all of the tree to the disk, which works meanwhile: else much would be left
 * for the end.
 */
async function filledAndSynced(tree: string, filling: Filling | undefined): Promise<void> {
  let isFilled = filling === undefined;
  const filled = filling?.fill().finally(() => (isFilled = true));
  const ended = filled?.catch(() => undefined);
  while (!isFilled) {
    await Promise.race([ended, setTimeout(SYNC_EVERY_MS, undefined, { ref: false })]);
    if (!isFilled) await syncFileSystem(tree);
  }
  await filled;
  await syncFileSystem(tree);
}

/** Of layers that came whole already. */
async function unpackHere(
  target: UnpackTarget,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Unpacked> {
  using unpacker = new LayerUnpacker(target);
  for await (const piece of source) {
    signal?.throwIfAborted();
    unpacker.push(piece);
  }
  return unpacker.finish();
}

async function digestTar(tar: Iterable<Buffer>): Promise<DigestedTar> {
  const hash = createHash('sha256');
  let tarBytes = 0;
  let since = 0;
  for (const chunk of tar) {
    hash.update(chunk);
    tarBytes += chunk.length;
    since += chunk.length;
    if (since < 2 * 1024 * 1024) continue;
    since = 0;
    await yieldToOthers(); // hashing and reading are synchronous: others get their turn
  }
  return { diffId: digestFromHex(hash.digest('hex')) as DiffId, tarBytes };
}
