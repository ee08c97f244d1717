import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import type { ChainId } from '../../core/digest.ts';
import { errnoOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { asOwner, mountinfo, umountAll, umountAsync } from '../../linux/index.ts';
import type { Change, Database, Layer, SnapshotStore } from '../contract.ts';
import { diskUsageOf } from '../disk-usage.ts';
import { layerNotFound, snapshotExists, snapshotNotFound } from '../errors.ts';
import { LowerView } from '../layers/lower-view.ts';
import type { DirectoryLayerStore } from '../layers/store.ts';
import type { Discards } from '../discards.ts';
import { type Layout, shortName } from '../layout.ts';
import type { MappedView } from '../mapped-view.ts';
import { packTree } from '../tar/pack.ts';
import { changesOf, tidyUpper, usageOf } from './changes.ts';
import { mountOverlay, type OverlayMount } from './overlay.ts';

interface SnapshotRecord {
  readonly parent: ChainId | null;
  /** Its directory below `snapshots/`. */
  readonly directory: string;
  readonly volatile?: boolean;
}

/** Snapshots as overlay mounts. Which are mounted is the kernel's to know: a daemon killed and started again finds them there. */
export class OverlaySnapshotStore implements SnapshotStore {
  readonly #layout: Layout;
  readonly #layers: DirectoryLayerStore;
  readonly #discards: Discards;
  readonly #log: Logger;
  readonly #db: Database;
  readonly #records: ReturnType<typeof records>;
  /** Of files that are still being removed, by the key of the snapshot that they were. */
  readonly #removals = new Map<string, Promise<void>>();
  /** Where, and whether for containers with mapped users. */
  readonly #mounted = new Map<string, { readonly mapped: boolean }>();
  readonly #mapped: MappedView | undefined;
  /** Mounts that are on their way out. */
  readonly #leaving = new Map<string, Promise<void>>();

  constructor(
    layout: Layout,
    db: Database,
    layers: DirectoryLayerStore,
    discards: Discards,
    log: Logger,
    mapped: MappedView | undefined,
  ) {
    this.#layout = layout;
    this.#discards = discards;
    this.#mapped = mapped;
    this.#layers = layers;
    this.#log = log;
    this.#db = db;
    this.#records = records(db);
  }

  async prepare(key: string, parent: ChainId | null, { volatile } = { volatile: false }): Promise<void> {
    const directory = shortName();
    this.#db.transaction(() => {
      if (this.#records.get(key)) throw snapshotExists({ key });
      if (parent !== null && !this.#layers.find(parent)) throw layerNotFound({ chainId: parent });
      this.#records.put(key, { parent, directory, ...(volatile && { volatile }) });
    });
    try {
      const path = join(this.#layout.snapshots, directory);
      mkdirSync(path, { mode: 0o711 });
      mkdirSync(join(path, 'work'), { mode: 0o700 });
      mkdirSync(join(path, 'merged'), { mode: 0o755 });
      mkdirSync(join(path, 'upper'), { mode: 0o755 });
      // The root that containers see has the upper directory's owner and mode.
      const top = parent === null ? undefined : this.#layers.lowerDirs(parent)[0];
      if (top !== undefined) {
        const stat = lstatSync(top);
        lchownSync(join(path, 'upper'), stat.uid, stat.gid);
        chmodSync(join(path, 'upper'), stat.mode & 0o7777);
      }
    } catch (e) {
      await this.remove(key);
      throw e;
    }
  }

  has(key: string): boolean {
    return this.#records.get(key) !== undefined;
  }

  list(): readonly { readonly key: string; readonly parent: ChainId | null }[] {
    return this.#records.entries().map(([key, { parent }]) => ({ key, parent }));
  }

  async mount(key: string, { mapped } = { mapped: false }): Promise<string> {
    const { upper, work, merged } = this.directories(key);
    await this.#leaving.get(merged);
    const before = this.#mounted.get(merged);
    if (before?.mapped === mapped) return merged;
    // Who still looks at it keeps what he sees; there is only one at a time that can be found.
    if (before !== undefined) umountAll(merged);
    this.#mounted.delete(merged);
    const overlay = {
      base: this.#layout.layers,
      lower: this.#lower(key).map((path) => relative(this.#layout.layers, path)),
      upper,
      work,
      target: merged,
      volatile: this.#require(key).volatile === true,
    };
    if (mapped) this.#mountMapped(overlay);
    else mountOverlay(overlay);
    this.#mounted.set(merged, { mapped });
    return merged;
  }

  #mountMapped(overlay: OverlayMount): void {
    const view = this.#mapped;
    if (view === undefined) throw new Error('no IDs are mapped');
    const seen = (path: string): string => join(view.snapshots, relative(this.#layout.snapshots, path));
    // What the overlay makes by itself (whiteouts, copies) it makes as the one who mounts it.
    asOwner(view.root, () =>
      mountOverlay({ ...overlay, base: view.layers, upper: seen(overlay.upper), work: seen(overlay.work) }),
    );
  }

  async unmount(key: string): Promise<void> {
    if (!this.has(key)) return;
    await this.#unmount(this.directories(key).merged);
  }

  async #unmount(merged: string): Promise<void> {
    const before = this.#mounted.get(merged);
    if (before === undefined) return await this.#leaving.get(merged);
    this.#mounted.delete(merged);
    const left = unmountNow(merged);
    this.#leaving.set(merged, left);
    try {
      await left;
    } catch (e) {
      this.#mounted.set(merged, before);
      throw e;
    } finally {
      this.#leaving.delete(merged);
    }
  }

  mountpoint(key: string): string | undefined {
    if (!this.has(key)) return undefined;
    const { merged } = this.directories(key);
    return this.#mounted.has(merged) ? merged : undefined;
  }

  directories(key: string): ReturnType<SnapshotStore['directories']> {
    const record = this.#require(key);
    const path = join(this.#layout.snapshots, record.directory);
    return {
      lower: this.#lower(key),
      upper: join(path, 'upper'),
      work: join(path, 'work'),
      merged: join(path, 'merged'),
    };
  }

  async commit(key: string, options: Parameters<SnapshotStore['commit']>[1] = {}): Promise<Layer | null> {
    const record = this.#require(key);
    await this.unmount(key);
    const { upper } = this.directories(key);
    const tidied = tidyUpper(upper, new LowerView(this.#lower(key)), options.exclude ?? []);
    const empty = tidied.empty && options.keepEmpty !== true;
    const layer = empty
      ? null
      : await this.#layers.adopt(record.parent, upper, {
          sizeBytes: tidied.sizeBytes,
          clampSeconds: options.mtimeSeconds,
          filling: options.filling,
          also: () => void this.#records.delete(key),
        });
    if (empty) this.#records.delete(key);
    await this.#discard(record.directory);
    return layer;
  }

  async tarOfChanges(key: string): Promise<Readable> {
    const { upper } = this.directories(key);
    const below = new LowerView(this.#lower(key));
    const tar = packTree(upper, {
      whiteouts: 'overlay',
      hidesSomething: (name) => below.stat(name)?.isDirectory() === true,
    });
    return Readable.from(tar, { objectMode: false, highWaterMark: 1024 * 1024 });
  }

  async changes(key: string): Promise<readonly Change[]> {
    return changesOf(this.directories(key).upper, new LowerView(this.#lower(key)));
  }

  async usage(key: string): Promise<{ readonly sizeBytes: number; readonly inodes: number }> {
    return usageOf(this.directories(key).upper);
  }

  async diskBytes(key: string): Promise<number> {
    return diskUsageOf(this.directories(key).upper);
  }

  async remove(key: string): Promise<void> {
    const record = this.#records.get(key);
    if (!record) return await this.#removals.get(key);
    await this.unmount(key);
    this.#records.delete(key);
    const removal = this.#discard(record.directory).finally(() => {
      if (this.#removals.get(key) === removal) this.#removals.delete(key);
    });
    this.#removals.set(key, removal);
    await removal;
  }

  /** Brings records and kernel in line after a start: strangers' mounts and directories go, those of known snapshots stay. */
  async sweep(): Promise<void> {
    const keyOf = new Map(this.#records.entries().map(([key, record]) => [record.directory, key]));
    const inside = `${this.#layout.snapshots}/`;
    const mounts = mountinfo().filter(({ mountpoint }) => mountpoint.startsWith(inside));
    for (const { mountpoint, superOptions } of mounts.reverse()) {
      const [directory = '', last, ...deeper] = mountpoint.slice(inside.length).split('/');
      if (keyOf.has(directory)) {
        const mapped = superOptions.includes(`upperdir=${join(this.#layout.mapped, 'snapshots')}/`);
        if (last === 'merged' && deeper.length === 0) this.#mounted.set(mountpoint, { mapped });
        continue;
      }
      this.#log.warn('unmounting a left-over mount', { mountpoint });
      umountAll(mountpoint);
    }
    for (const directory of readdirSync(this.#layout.snapshots)) {
      if (!keyOf.has(directory)) await this.#discard(directory);
    }
    for (const [directory, key] of keyOf) {
      if (existsSync(join(this.#layout.snapshots, directory, 'upper'))) continue;
      this.#log.warn('forgetting a snapshot that was not finished', { key });
      umountAll(join(this.#layout.snapshots, directory, 'merged'));
      this.#records.delete(key);
      await this.#discard(directory);
    }
  }

  /** The layers, and below them all the directory of mount points. */
  #lower(key: string): readonly string[] {
    const { parent } = this.#require(key);
    return [...(parent === null ? [] : this.#layers.lowerDirs(parent)), this.#layout.init];
  }

  async #discard(directory: string): Promise<void> {
    const path = join(this.#layout.snapshots, directory);
    if (!existsSync(path)) return;
    await this.#discards.discard(path);
  }

  #require(key: string): SnapshotRecord {
    const record = this.#records.get(key);
    if (!record) throw snapshotNotFound({ key });
    return record;
  }
}

function records(db: Database) {
  return db.collection<SnapshotRecord>('snapshots');
}

/** Lazily only if somebody still has a file open there. */
async function unmountNow(path: string): Promise<void> {
  try {
    await umountAsync(path);
  } catch (e) {
    if (errnoOf(e) === 'EINVAL' || errnoOf(e) === 'ENOENT') return;
    if (errnoOf(e) !== 'EBUSY') throw e;
    umountAll(path);
  }
}
