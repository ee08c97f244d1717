import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { chainIds, type ChainId, type DiffId, type Digest, digestFromHex, sha256 } from '../../core/digest.ts';
import type { ContentStore, Database, Layer, LayerStore } from '../contract.ts';
import { digestMismatch, layerInUse, layerNotFound } from '../errors.ts';
import { type Layout, shortName } from '../layout.ts';
import { decompress } from '../tar/decompress.ts';
import { packTree } from '../tar/pack.ts';
import { TarReader } from '../tar/reader.ts';
import { moveAside, Unpacker } from '../tar/unpack.ts';
import { LowerView } from './lower-view.ts';
import { RecipeWriter, replayRecipe } from './recipe.ts';

/** A layer as the database keeps it. */
export interface LayerRecord {
  readonly diffId: DiffId;
  readonly parent: ChainId | null;
  readonly sizeBytes: number;
  readonly tarBytes: number;
  readonly blob?: Digest;
  /** Its directory below `layers/`. */
  readonly directory: string;
  /** How its tar is made again: from the recipe, or by packing the tree. */
  readonly tar: 'recipe' | 'packed';
  readonly clampSeconds?: number;
}

/** Layers as directories that overlayfs takes as they are. See `LayerStore`. */
export class DirectoryLayerStore implements LayerStore {
  readonly #layout: Layout;
  readonly #db: Database;
  readonly #content: ContentStore;
  readonly #records: ReturnType<typeof records>;

  constructor(layout: Layout, db: Database, content: ContentStore) {
    this.#layout = layout;
    this.#db = db;
    this.#content = content;
    this.#records = records(db);
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
    const made = join(this.#layout.tmp, `layer-${shortName()}`);
    const root = join(made, 'fs');
    const shadow = join(made, 'shadow');
    mkdirSync(root, { recursive: true, mode: 0o755 });
    try {
      const hash = createHash('sha256');
      let tarBytes = 0;
      const below = parent === null ? undefined : new LowerView(this.lowerDirs(parent));
      let moved = 0;
      using recipe = new RecipeWriter(join(made, 'recipe'));
      using unpacker = new Unpacker({
        root,
        fresh: true,
        whiteouts: 'overlay',
        ...(below && { below: (name) => below.stat(name) }),
        onRaw: (bytes) => recipe.raw(bytes),
        onFile: (name, size) => recipe.file(name, size),
        onReplace: (name) => {
          mkdirSync(shadow, { recursive: true });
          moveAside(root, name, join(shadow, String(moved)));
          recipe.moved(name, `../shadow/${moved++}`);
          return true;
        },
      });
      const reader = new TarReader(unpacker);
      for await (const chunk of decompress(tar)) {
        options.signal?.throwIfAborted();
        hash.update(chunk);
        tarBytes += chunk.length;
        reader.push(chunk);
        options.onBytes?.(chunk.length);
      }
      reader.finish();
      unpacker.close();
      recipe.finish();
      const diffId = digestFromHex(hash.digest('hex')) as DiffId;
      if (options.expect !== undefined && options.expect !== diffId) {
        throw digestMismatch({ expected: options.expect, actual: diffId });
      }
      return this.#keep(made, parent, {
        diffId,
        sizeBytes: unpacker.sizeBytes,
        tarBytes,
        tar: 'recipe',
        ...(options.blob !== undefined && { blob: options.blob }),
      });
    } finally {
      await rm(made, { recursive: true, force: true });
    }
  }

  /**
   * Takes over a directory of changes (an upper directory of overlayfs) as a layer on `parent`; the directory is moved away.
   * `also` runs in the transaction that records the layer.
   */
  async adopt(
    parent: ChainId | null,
    tree: string,
    options: { readonly sizeBytes: number; readonly clampSeconds?: number | undefined; readonly also: () => void },
  ): Promise<Layer> {
    const clamp = options.clampSeconds === undefined ? {} : { clampSeconds: options.clampSeconds };
    const { diffId, tarBytes } = await digestTar(packTree(tree, { whiteouts: 'overlay', ...clamp }));
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
      await rm(made, { recursive: true, force: true });
    }
  }

  async tar(chainId: ChainId): Promise<Readable> {
    const record = this.#require(chainId);
    if (record.blob !== undefined && this.#content.find(record.blob)) {
      return Readable.from(decompress(this.#content.open(record.blob)), { objectMode: false });
    }
    return Readable.from(verified(this.#remake(record), record.diffId), {
      objectMode: false,
      highWaterMark: 1024 * 1024,
    });
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
    const gone = join(this.#layout.tmp, `gone-${shortName()}`);
    renameSync(join(this.#layout.layers, record.directory), gone);
    await rm(gone, { recursive: true, force: true });
    if (record.blob !== undefined && !this.#records.entries().some(([, r]) => r.blob === record.blob)) {
      await this.#content.remove(record.blob);
    }
  }

  /** Removes directories that no record knows: what a crash left. */
  async sweep(): Promise<void> {
    const known = new Set(this.#records.entries().map(([, record]) => record.directory));
    known.add(basename(this.#layout.init));
    for (const directory of readdirSync(this.#layout.layers)) {
      if (!known.has(directory)) await rm(join(this.#layout.layers, directory), { recursive: true, force: true });
    }
    for (const [chainId, record] of this.#records.entries()) {
      if (!existsSync(join(this.#layout.layers, record.directory, 'fs'))) this.#records.delete(chainId);
    }
  }

  #remake(record: LayerRecord): Generator<Buffer, void, undefined> {
    const directory = join(this.#layout.layers, record.directory);
    return record.tar === 'recipe'
      ? replayRecipe(join(directory, 'recipe'), join(directory, 'fs'))
      : packTree(join(directory, 'fs'), { whiteouts: 'overlay', clampSeconds: record.clampSeconds });
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

async function digestTar(tar: Iterable<Buffer>): Promise<{ diffId: DiffId; tarBytes: number }> {
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

/** Passes a tar on; fails at its end if it is not what it should be. */
function* verified(tar: Iterable<Buffer>, diffId: DiffId): Generator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  for (const chunk of tar) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = digestFromHex(hash.digest('hex'));
  if (actual !== diffId) throw digestMismatch({ expected: diffId, actual });
}
