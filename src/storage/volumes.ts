import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { errnoOf, messageOf } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Database, HeldPath, Volume, VolumeStore } from './contract.ts';
import { diskUsageOf } from './disk-usage.ts';
import { invalidVolume, volumeNotFound, volumeNotMapped, volumeStillMounted } from './errors.ts';
import type { Discards } from './discards.ts';
import type { Layout } from './layout.ts';
import type { MappedView } from './mapped-view.ts';
import { usageOf } from './snapshots/changes.ts';
import { copyTree } from './tar/copy.ts';
import { bindPart, sweepParts } from './volume-parts.ts';
import { VolumeMounts, isMounted, unmountAt } from './volume-mounts.ts';
import { checkVolumeOptions, volumeMount } from './volume-options.ts';

interface VolumeRecord extends Volume {
  /** Being filled from an image: if found so at start, the filling was cut short and what is there is worth nothing. */
  readonly filling?: true;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Volumes as directories. See `VolumeStore`. */
export class DirectoryVolumeStore implements VolumeStore {
  readonly #layout: Layout;
  readonly #db: Database;
  readonly #records: ReturnType<typeof records>;
  readonly #mounts = new VolumeMounts();
  readonly #discards: Discards;

  readonly #mapped: MappedView | undefined;

  constructor(layout: Layout, db: Database, discards: Discards, mapped: MappedView | undefined) {
    this.#layout = layout;
    this.#discards = discards;
    this.#mapped = mapped;
    this.#db = db;
    this.#records = records(db);
  }

  async create(
    request: Parameters<VolumeStore['create']>[0],
  ): Promise<{ readonly volume: Volume; readonly created: boolean }> {
    const given = request.name === undefined || request.name === '' ? undefined : request.name;
    const name = given ?? newId();
    if (!NAME.test(name)) throw invalidVolume({ why: nameError(name) });
    const there = this.find(name);
    if (there) return { volume: there, created: false };
    const options = request.options ?? null;
    checkVolumeOptions(name, options ?? {});
    const volume: Volume = {
      name,
      createdAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      labels: request.labels ?? null,
      options,
      anonymous: given === undefined,
    };
    // Directory first: one without a record is swept, a record without a directory would be a volume that cannot be mounted.
    makeDirectory(join(this.#layout.volumes, name));
    makeDirectory(this.#data(name));
    chmodSync(join(this.#layout.volumes, name), 0o711);
    chmodSync(this.#data(name), 0o755);
    this.#db.transaction(() => this.#records.put(name, volume), { durable: true });
    return { volume, created: true };
  }

  find(name: string): Volume | undefined {
    const record = this.#records.get(name);
    return record && asVolume(record);
  }

  list(): readonly Volume[] {
    return this.#records.entries().map(([, record]) => asVolume(record));
  }

  dataPath(name: string): string {
    this.#require(name);
    return this.#data(name);
  }

  async acquire(name: string, user: string): Promise<string> {
    const wanted = volumeMount(this.#require(name).options);
    const path = this.#data(name);
    if (wanted !== undefined) await this.#mounts.acquire(path, wanted, user);
    return path;
  }

  openPath(name: string, path: string, options: { readonly mapped: boolean } = { mapped: false }): HeldPath {
    if (!options.mapped) return bindPart(this.#layout.parts, this.dataPath(name), path);
    if (this.#mapped === undefined) throw new Error('no IDs are mapped');
    try {
      return this.#mapped.hold(this.dataPath(name), path || '.');
    } catch (cause) {
      if (errnoOf(cause) !== 'EINVAL') throw cause;
      throw volumeNotMapped({ name, reason: messageOf(cause) }, { cause });
    }
  }

  release(name: string, user: string): Promise<void> {
    return this.#mounts.release(this.#data(name), user);
  }

  async recover(users: ReadonlyMap<string, readonly string[]>): Promise<void> {
    for (const { name, options } of this.list()) {
      if (volumeMount(options) !== undefined) this.#mounts.recover(this.#data(name), users.get(name) ?? []);
    }
  }

  async copyUp(name: string, fromDirectory: string): Promise<void> {
    if (volumeMount(this.#require(name).options) === undefined) return this.#fill(name, fromDirectory);
    const user = `fill ${newId()}`;
    const data = await this.acquire(name, user);
    try {
      // What is mounted is somebody else's: half-filled by a crash it stays as it is, and is never emptied on a guess.
      const from = lstatSync(fromDirectory, { throwIfNoEntry: false });
      if (from?.isDirectory() && readdirSync(data).length === 0) {
        for (const _ of copyTree(fromDirectory, data)) await yieldToOthers();
      }
    } finally {
      await this.release(name, user);
    }
  }

  async #fill(name: string, fromDirectory: string): Promise<void> {
    const record = this.#require(name);
    const data = this.#data(name);
    if (readdirSync(data).length > 0) return;
    const from = lstatSync(fromDirectory, { throwIfNoEntry: false });
    if (!from?.isDirectory()) return;
    this.#records.put(name, { ...record, filling: true });
    try {
      let since = 0;
      for (const bytes of copyTree(fromDirectory, data)) {
        since += bytes;
        if (since < 4 * 1024 * 1024) continue;
        since = 0;
        await yieldToOthers();
      }
    } catch (e) {
      await empty(data);
      throw e;
    } finally {
      if (this.#records.get(name)) this.#records.put(name, asVolume(record));
    }
  }

  async sizeBytes(name: string): Promise<number> {
    if (volumeMount(this.#require(name).options) !== undefined) return -1;
    return usageOf(this.dataPath(name)).sizeBytes;
  }

  async diskBytes(name: string): Promise<number> {
    if (volumeMount(this.#require(name).options) !== undefined) return -1;
    return diskUsageOf(join(this.#layout.volumes, name));
  }

  async remove(name: string): Promise<void> {
    // What is mounted there must not be deleted with it.
    const data = this.#data(name);
    if (NAME.test(name) && existsSync(data)) unmountAt(data);
    if (isMounted(data)) throw volumeStillMounted({ name, path: data });
    this.#db.transaction(() => this.#records.delete(name), { durable: true });
    const path = join(this.#layout.volumes, name);
    if (!NAME.test(name) || !existsSync(path)) return;
    await this.#discards.discard(path);
  }

  /**
   * After a crash: directories without a record are moved out of the way only if they are empty, since people's data is never
   * deleted on a guess; half-filled volumes are emptied.
   */
  async sweep(): Promise<void> {
    sweepParts(this.#layout.parts);
    for (const name of readdirSync(this.#layout.volumes)) {
      if (this.#records.get(name) || !existsSync(this.#data(name))) continue;
      unmountAt(this.#data(name));
      if (readdirSync(this.#data(name)).length === 0) rmSync(join(this.#layout.volumes, name), { recursive: true });
    }
    for (const [name, record] of this.#records.entries()) {
      mkdirSync(this.#data(name), { recursive: true, mode: 0o755 });
      if (!record.filling) continue;
      await empty(this.#data(name));
      this.#records.put(name, asVolume(record));
    }
  }

  #data(name: string): string {
    return join(this.#layout.volumes, name, '_data');
  }
  #require(name: string): VolumeRecord {
    const record = this.#records.get(name);
    if (!record) throw volumeNotFound({ name });
    return record;
  }
}

function records(db: Database) {
  return db.collection<VolumeRecord>('volumes');
}

function asVolume({ name, createdAt, labels, options, anonymous }: VolumeRecord): Volume {
  return { name, createdAt, labels, options, anonymous };
}

/** One by one: Node's `recursive` tells of a read-only disk that a file is not there. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (e) {
    if (errnoOf(e) !== 'EEXIST') throw e;
  }
}

async function empty(directory: string): Promise<void> {
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    await rm(Buffer.concat([Buffer.from(`${directory}/`), name]), { recursive: true, force: true });
  }
  lchownSync(directory, 0, 0);
  chmodSync(directory, 0o755);
}

/** Docker's words, which clients look for. */
function nameError(name: string): string {
  if (name.length === 1) {
    return `create ${name}: volume name is too short, names should be at least two alphanumeric characters`;
  }
  return `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`;
}
