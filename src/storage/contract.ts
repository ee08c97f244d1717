import type { Readable } from 'node:stream';
import type { ChainId, DiffId, Digest } from '../core/digest.ts';
import type { IdMaps } from '../core/id-map.ts';
import type { Logger } from '../core/log.ts';
import type { HeldPath } from '../linux/index.ts';

export type { HeldPath };

/**
 * Everything that is kept on disk: blobs by digest, layers, snapshots, volumes, and the metadata database.
 * One daemon owns a data root; a second one that opens it is refused.
 */
export interface Storage extends AsyncDisposable {
  readonly dataRoot: string;
  readonly db: Database;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly snapshots: SnapshotStore;
  readonly volumes: VolumeStore;
  /**
   * Only with `idMaps`: a file or directory in `root` as containers with mapped users see it, at a path of its own while it is
   * held. On the disk it keeps the users that it has inside containers. @throws {SystemCallError}
   */
  holdMapped?(root: string, path: string): HeldPath;
}

export interface StorageOptions {
  readonly dataRoot: string;
  /** How users of containers are mapped to the host's; what is stored has the containers'. */
  readonly idMaps?: IdMaps | undefined;
  readonly log: Logger;
}

/** SQLite in WAL mode. Documents are plain JSON data; a part owns its collections. All calls are synchronous. */
export interface Database {
  /** The collection of that name, made when it is first used. */
  collection<T>(name: string): Collection<T>;
  /**
   * Runs `fn` in one transaction: all of its changes are kept, or none if it throws. Nested calls join the outer one.
   * `durable`: on disk when this returns, power cut included; otherwise a crash of the process loses nothing, a power cut
   * may lose the last moments.
   */
  transaction<T>(fn: () => T, options?: { readonly durable?: boolean }): T;
  /** Resolves when all that was committed until now survives a power cut; some milliseconds, shared by all who wait. */
  synced(): Promise<void>;
}
export interface Collection<T> {
  get(key: string): T | undefined;
  put(key: string, document: T): void;
  /** Whether it was there. */
  delete(key: string): boolean;
  /** In order of insertion. */
  entries(): readonly (readonly [key: string, document: T])[];
}

export interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Immutable bytes by digest. A blob is there whole and verified, or not at all. */
export interface ContentStore {
  /**
   * Stores a stream. Success means "the blob is there". Given `expect`, bytes that differ in digest or size are refused.
   * @throws {WharfError} `DIGEST_MISMATCH`, `SIZE_MISMATCH`; nothing is kept then, nor when the stream fails
   */
  ingest(
    source: AsyncIterable<Uint8Array> | Uint8Array,
    expect?: { readonly digest?: Digest; readonly sizeBytes?: number },
    signal?: AbortSignal,
  ): Promise<Blob>;
  find(digest: Digest): Blob | undefined;
  /** @throws {WharfError} `BLOB_NOT_FOUND` */
  open(digest: Digest, range?: { readonly start: number; readonly end?: number }): Readable;
  /** The whole blob; for manifests and configs. @throws {WharfError} `BLOB_NOT_FOUND` */
  read(digest: Digest): Promise<Buffer>;
  /** Success means "it is not there". */
  remove(digest: Digest): Promise<void>;
  list(): readonly Blob[];
}

/** A layer's tar as it came from a registry or an archive: what is passed on is the same to the byte, and has the same digest. */
export interface KeptBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly compression: 'gzip' | 'zstd';
}

/** A changeset unpacked on top of its parent, in overlayfs form. */
export interface Layer {
  readonly chainId: ChainId;
  readonly diffId: DiffId;
  readonly parent: ChainId | null;
  /** Size of the files in it, hard links once. */
  readonly sizeBytes: number;
  /** Size of its uncompressed tar. */
  readonly tarBytes: number;
  /** The compressed blob it came from, if it came as one. */
  readonly blob: KeptBlob | undefined;
}

/** One thing that a layer brings or hides. */
export interface LayerFile {
  /** Absolute, as containers see it. */
  readonly path: string;
  /** `whiteout`: what lower layers have there is gone. */
  readonly kind: 'file' | 'directory' | 'symlink' | 'special' | 'whiteout';
  /** Of regular files; hard links have it once. */
  readonly sizeBytes: number;
  /** A directory that hides what lower layers have in it. */
  readonly opaque: boolean;
  /** Mode, owner, size: equal texts are equal attributes. */
  readonly attributes: string;
  /** Of symbolic links. */
  readonly target: string;
  /** Where it lies; to be read only. */
  readonly diskPath: string | Buffer;
}

/** A layer that is unpacked and has no place yet. */
export interface StagedLayer extends AsyncDisposable {
  readonly diffId: DiffId;
  /** Makes it a layer on `parent`, on disk when this resolves. Success means "the layer is there". */
  put(parent: ChainId | null): Promise<Layer>;
}

/** Committed, read-only layers, each unpacked once and shared by every image that has the same stack. */
export interface LayerStore {
  find(chainId: ChainId): Layer | undefined;
  list(): readonly Layer[];
  /**
   * Unpacks a layer tar (plain, gzip or zstd, told by its first bytes) on `parent`. Success means "the layer is there".
   * Owners, modes, times, xattrs, devices, hard links, whiteouts and opaque directories are kept; names that lead out of the
   * root are refused.
   * @param options.blob digest of what comes, which the caller verifies: if that is compressed, it is kept beside the files
   * @throws {WharfError} `DIGEST_MISMATCH` if `expect` differs from the diffID; `BAD_LAYER` at malformed tars
   */
  apply(
    parent: ChainId | null,
    tar: AsyncIterable<Uint8Array>,
    options?: {
      readonly expect?: DiffId;
      readonly blob?: Digest;
      readonly signal?: AbortSignal;
    },
  ): Promise<Layer>;
  /**
   * The first half of `apply`: unpacks a layer without knowing what is below it, so that several can be unpacked at once.
   * Dispose it when it is put, or not wanted.
   */
  stage(tar: AsyncIterable<Uint8Array>, options?: Parameters<LayerStore['apply']>[2]): Promise<StagedLayer>;
  /** The layer's changes as an uncompressed tar whose digest is the diffID; made again from the files. */
  tar(chainId: ChainId): Promise<Readable>;
  /** The same as gzip, made in another thread while it is read. @param onProgress told how much of the tar is done, bytes */
  compressed(chainId: ChainId, onProgress: (tarBytes: number) => void): AsyncIterable<Buffer>;
  /** The bytes of the blob that was kept, if there is one. */
  blob(chainId: ChainId): Readable | undefined;
  /** Bytes it takes on the disk: its files, what is needed to make its tar again, the kept blob. The first time costs a walk. */
  diskBytes(chainId: ChainId): Promise<number>;
  /** What the layer itself has, without what is below it: directories before what is in them. */
  contents(chainId: ChainId): Iterable<LayerFile>;
  /** Directories of the stack for overlayfs, topmost first. */
  lowerDirs(chainId: ChainId): readonly string[];
  /** Success means "it is not there". @throws {WharfError} `LAYER_IN_USE` if a layer or snapshot stands on it */
  remove(chainId: ChainId): Promise<void>;
}

export interface Change {
  /** Absolute, as seen in the container. */
  readonly path: string;
  readonly kind: 'modified' | 'added' | 'deleted';
}

/** Files of a snapshot whose content is still to be written: that is done while the layer is digested. */
export interface Filling {
  /** By path relative to the root. They have their size, mode and owner already. */
  readonly files: ReadonlyMap<string, AwaitedFile>;
  /** Writes the content. It ends, well or badly, before anything is removed. */
  fill(): Promise<void>;
}

export interface AwaitedFile {
  readonly mtimeNs: bigint;
  readonly sizeBytes: number;
  /** SHA-256 of what it will hold in hexadecimal, if it is known. */
  readonly digest: string | undefined;
  /** Opens what the file will hold. */
  open(): number;
  /** Closes that. @throws if it was changed while it was read */
  close(fd: number): void;
}

/**
 * Active file-system states, each with one writer, on top of a committed layer: containers (key = container ID) and build
 * steps. prepare -> mount -> write -> unmount -> commit or remove. Known to the database, so that a crash leaves nothing behind.
 */
export interface SnapshotStore {
  /**
   * `volatile`: what is written there need not survive the machine before it is committed. Programs' fsync does nothing in it, and
   * unmounting it writes nothing back.
   * @throws {WharfError} `SNAPSHOT_EXISTS`, `LAYER_NOT_FOUND`
   */
  prepare(key: string, parent: ChainId | null, options?: { readonly volatile: boolean }): Promise<void>;
  has(key: string): boolean;
  list(): readonly { readonly key: string; readonly parent: ChainId | null }[];
  /**
   * Mounts it (once, however often it is called) and gives the root directory. `mapped`: for containers with mapped users; files
   * have the users that these have on the host, and one that is to make files there has to be one of them (`asOwner`).
   * @throws {WharfError} `SNAPSHOT_NOT_FOUND`
   */
  mount(key: string, options?: { readonly mapped: boolean }): Promise<string>;
  /** Success means "it is not mounted". */
  unmount(key: string): Promise<void>;
  /** Where it is mounted, or `undefined` if it is not. */
  mountpoint(key: string): string | undefined;
  /** Directories for inspect's GraphDriver.Data. */
  directories(key: string): {
    readonly lower: readonly string[];
    readonly upper: string;
    readonly work: string;
    readonly merged: string;
  };
  /**
   * Unmounts `key` and makes its changes a layer; the key is gone. The diffID is that of a deterministic tar.
   * `mtimeSeconds` clamps times for reproducible builds. `null`: nothing was changed, no layer is made
   * (with `keepEmpty`, an empty one).
   */
  commit(
    key: string,
    options?: {
      readonly mtimeSeconds?: number;
      readonly exclude?: readonly string[];
      readonly keepEmpty?: boolean;
      readonly filling?: Filling | undefined;
    },
  ): Promise<Layer | null>;
  /** A tar of the changes in OCI layer form, for `docker commit`; the snapshot goes on. */
  tarOfChanges(key: string): Promise<Readable>;
  changes(key: string): Promise<readonly Change[]>;
  /** Bytes and inodes of the changes alone. */
  usage(key: string): Promise<{ readonly sizeBytes: number; readonly inodes: number }>;
  /** Bytes that the changes take on the disk. */
  diskBytes(key: string): Promise<number>;
  /** Unmounts and deletes. Success means "it is not there". */
  remove(key: string): Promise<void>;
}

export interface Volume {
  readonly name: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly options: Readonly<Record<string, string>> | null;
  readonly anonymous: boolean;
}

/** Data that outlives containers: `<data-root>/volumes/NAME/_data`. */
export interface VolumeStore {
  /** Creates it, or gives the one that is there. `created` tells which. @throws {WharfError} `INVALID_PARAMETER` */
  create(request: {
    readonly name?: string;
    readonly labels?: Readonly<Record<string, string>> | null;
    readonly options?: Readonly<Record<string, string>> | null;
  }): Promise<{ readonly volume: Volume; readonly created: boolean }>;
  find(name: string): Volume | undefined;
  list(): readonly Volume[];
  /** Path of its data on the host. What has driver options is there only while somebody has acquired it. */
  dataPath(name: string): string;
  /**
   * Makes the data available to `user` (a container, by ID) until it is released: with driver options (`type`, `device`, `o`)
   * it is mounted for the first user. Gives its path. Idempotent.
   * @throws {WharfError} `VOLUME_NOT_FOUND`, `VOLUME_MOUNT_FAILED`
   */
  acquire(name: string, user: string): Promise<string>;
  /**
   * A file or directory in a volume that has been acquired, at a path of its own while it is held. Nothing outside of the
   * volume is ever found. `mapped`: as containers with mapped users see it.
   * @throws {SystemCallError} `ENOENT`, `ENOTDIR`, `ELOOP`; {WharfError} `VOLUME_NOT_MAPPED`
   */
  openPath(name: string, path: string, options?: { readonly mapped: boolean }): HeldPath;
  /** Success means "`user` does not use it any more"; with the last one the mount goes. */
  release(name: string, user: string): Promise<void>;
  /** After a restart: users by volume, as they are. What is mounted without a user is unmounted. */
  recover(users: ReadonlyMap<string, readonly string[]>): Promise<void>;
  /** Fills an empty volume with the content, owner and mode of a directory of an image; nothing happens to one with files. */
  copyUp(name: string, fromDirectory: string): Promise<void>;
  /** -1 for one with driver options: its data is somewhere else. */
  sizeBytes(name: string): Promise<number>;
  /** Bytes it takes on the disk; -1 for one with driver options. */
  diskBytes(name: string): Promise<number>;
  /** Success means "it is not there". Whether it is in use is the engine's to know. */
  remove(name: string): Promise<void>;
}
