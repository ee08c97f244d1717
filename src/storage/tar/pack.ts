import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { errnoOf } from '../../core/errors.ts';
import type { AwaitedFile } from '../contract.ts';
import { lgetXattr, llistXattr, majorOf, minorOf } from '../../linux/index.ts';
import { type ByteString, byteString, diskPath, type EntryType, type TarEntry } from './entry.ts';
import { paddingOf, tarHeader } from './header.ts';
import { OPAQUE_MARKER, OPAQUE_XATTR, WHITEOUT_PREFIX } from './unpack.ts';

const CHUNK = 256 * 1024;

export interface PackOptions {
  /** `overlay`: 0:0 devices become `.wh.x`, opaque directories get `.wh..wh..opq`. `none`: no such thing is looked for. */
  readonly whiteouts: 'overlay' | 'none';
  /** Times are cut to whole seconds, as in all layers, unless this is set. */
  readonly nanoseconds?: boolean;
  /** Later times become this one (reproducible builds). Unix seconds. */
  readonly clampSeconds?: number | undefined;
  /** Whether a directory that is marked opaque hides anything; if not, no marker is written. */
  readonly hidesSomething?: (name: ByteString) => boolean;
  /** Left out, with all below. */
  readonly exclude?: (name: ByteString) => boolean;
  /** Put before every name: `etc/` gives `etc/passwd`. */
  readonly prefix?: string;
  /** Chunks are good only until the next one is asked for: what only looks at them is spared new memory for each. */
  readonly passing?: boolean;
  /** Files whose content is still being written, by name: what they will have is read from elsewhere. */
  readonly awaited?: ReadonlyMap<string, AwaitedFile> | undefined;
  /** The digests of awaited files stand for their content: what comes tells one tar from another, but is none. */
  readonly outline?: boolean;
  /** Also the root itself, as `./`. */
  readonly root?: boolean;
  /** Every piece of the tar may be overwritten when the next one is asked for: less garbage, for those who are done with it. */
  readonly fleeting?: boolean;
}

/**
 * The tar of a directory tree, the same bytes for the same tree: members in byte order, PAX only where needed, no names of
 * owners. Sockets are left out. Files that shrink meanwhile are filled with zeros, those that grow are cut: a header cannot be
 * taken back. Bounded memory.
 */
export function* packTree(root: string, options: PackOptions): Generator<Buffer, void, undefined> {
  const out = options.passing === true ? new PassingGatherer() : new Gatherer(options.fleeting === true);
  const links = new Map<string, ByteString>();
  const prefix = byteString(options.prefix ?? '');
  const top = byteString(root);
  if (options.root) {
    const stat = lstatSync(root, { bigint: true });
    yield* out.add(tarHeader(describe(top, `${prefix}./`, 'directory', stat, options)));
  }
  yield* packDirectory('');
  yield* out.add(Buffer.alloc(1024));
  yield* out.flush();

  function* packDirectory(directory: ByteString): Generator<Buffer, void, undefined> {
    const absolute = directory === '' ? top : `${top}/${directory}`;
    for (const base of readdirSync(diskPath(absolute), { encoding: 'latin1' }).sort(byBytes)) {
      const name = directory === '' ? base : `${directory}/${base}`;
      if (options.exclude?.(name)) continue;
      const path = `${top}/${name}`;
      const stat = lstatSync(diskPath(path), { bigint: true, throwIfNoEntry: false });
      if (!stat) continue; // gone since the directory was read
      const type = typeOf(stat);
      if (type === undefined) continue;
      if (options.whiteouts === 'overlay' && type === 'char' && stat.rdev === 0n) {
        const marker = `${prefix}${directory === '' ? '' : `${directory}/`}${WHITEOUT_PREFIX}${base}`;
        yield* out.add(tarHeader(markerEntry(marker, mtimeOf(stat, options))));
        continue;
      }
      if (type === 'directory') {
        yield* out.add(tarHeader(describe(path, `${prefix}${name}/`, type, stat, options)));
        if (options.whiteouts === 'overlay' && isOpaque(path) && (options.hidesSomething?.(name) ?? true)) {
          yield* out.add(tarHeader(markerEntry(`${prefix}${name}/${OPAQUE_MARKER}`, mtimeOf(stat, options))));
        }
        yield* packDirectory(name);
        continue;
      }
      if (type === 'file' && stat.nlink > 1n) {
        const inode = `${stat.dev}:${stat.ino}`;
        const first = links.get(inode);
        if (first !== undefined) {
          const entry = describe(path, `${prefix}${name}`, 'link', stat, options);
          yield* out.add(tarHeader({ ...entry, linkname: `${prefix}${first}`, size: 0, xattrs: [] }));
          continue;
        }
        links.set(inode, name);
      }
      const awaited = options.awaited?.get(name);
      const now = awaited === undefined ? stat : { ...stat, mtimeNs: awaited.mtimeNs };
      const entry = describe(path, `${prefix}${name}`, type, now, options);
      yield* out.add(tarHeader(entry));
      if (entry.size === 0) continue;
      if (options.outline === true && awaited?.digest !== undefined) yield* out.add(Buffer.from(awaited.digest, 'hex'));
      else yield* out.content(path, entry.size, awaited);
    }
  }
}

/** Gathers small pieces into chunks of some 100 KiB. */
class Gatherer {
  #pieces: Buffer[] = [];
  #length = 0;
  readonly #scratch: Buffer | undefined;
  constructor(fleeting: boolean) {
    this.#scratch = fleeting ? Buffer.allocUnsafeSlow(CHUNK) : undefined;
  }
  *add(bytes: Buffer): Generator<Buffer, void, undefined> {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= CHUNK / 2) yield* this.flush();
  }
  *flush(): Generator<Buffer, void, undefined> {
    if (this.#length > 0) yield Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
  }
  *content(path: ByteString, size: number, awaited?: AwaitedFile): Generator<Buffer, void, undefined> {
    const fd = awaited === undefined ? openIfThere(path) : awaited.open();
    try {
      for (let left = size; left > 0; ) {
        const length = Math.min(left, CHUNK);
        const large = length >= CHUNK / 2;
        const chunk = (large ? this.#scratch?.subarray(0, length) : undefined) ?? Buffer.allocUnsafe(length);
        let have = 0;
        while (fd !== undefined && have < chunk.length) {
          const n = readSync(fd, chunk, have, chunk.length - have, null);
          if (n === 0) break;
          have += n;
        }
        chunk.fill(0, have);
        if (large) {
          yield* this.flush();
          yield chunk;
        } else yield* this.add(chunk);
        left -= chunk.length;
      }
    } finally {
      if (fd !== undefined) closeContent(fd, awaited);
    }
    const padding = paddingOf(size);
    if (padding > 0) yield* this.add(Buffer.alloc(padding));
  }
}

/** The same with one buffer for everything. */
class PassingGatherer {
  readonly #buffer = Buffer.allocUnsafe(CHUNK);
  #length = 0;
  *add(bytes: Buffer): Generator<Buffer, void, undefined> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#length === CHUNK) yield* this.flush();
      const n = bytes.copy(this.#buffer, this.#length, at);
      this.#length += n;
      at += n;
    }
  }
  *flush(): Generator<Buffer, void, undefined> {
    if (this.#length > 0) yield this.#buffer.subarray(0, this.#length);
    this.#length = 0;
  }
  *content(path: ByteString, size: number, awaited?: AwaitedFile): Generator<Buffer, void, undefined> {
    const fd = awaited === undefined ? openIfThere(path) : awaited.open();
    let ended = fd === undefined;
    try {
      for (let left = size + paddingOf(size); left > 0; ) {
        if (this.#length === CHUNK) yield* this.flush();
        const room = Math.min(left, CHUNK - this.#length);
        const wanted = Math.min(room, Math.max(0, left - paddingOf(size)));
        let have = 0;
        if (fd !== undefined && !ended && wanted > 0) {
          have = readSync(fd, this.#buffer, this.#length, wanted, null);
          ended = have === 0;
        }
        if (have === 0) {
          this.#buffer.fill(0, this.#length, this.#length + room);
          have = room;
        }
        this.#length += have;
        left -= have;
      }
    } finally {
      if (fd !== undefined) closeContent(fd, awaited);
    }
  }
}

function closeContent(fd: number, awaited: AwaitedFile | undefined): void {
  if (awaited === undefined) closeSync(fd);
  else awaited.close(fd);
}

function openIfThere(path: ByteString): number | undefined {
  try {
    return openSync(diskPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ELOOP') return undefined;
    throw e;
  }
}

function describe(
  path: ByteString,
  name: ByteString,
  type: EntryType,
  stat: Pick<BigIntStats, 'mode' | 'uid' | 'gid' | 'size' | 'rdev' | 'mtimeNs'>,
  options: PackOptions,
): TarEntry {
  const device = type === 'char' || type === 'block';
  return {
    name,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === 'file' ? Number(stat.size) : 0,
    mtimeNanos: mtimeOf(stat, options),
    linkname: type === 'symlink' ? readlinkSync(diskPath(path), 'latin1') : '',
    major: device ? majorOf(stat.rdev) : 0,
    minor: device ? minorOf(stat.rdev) : 0,
    xattrs: readXattrs(path),
  };
}

function markerEntry(name: ByteString, mtimeNanos: bigint): TarEntry {
  return {
    name,
    type: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeNanos,
    linkname: '',
    major: 0,
    minor: 0,
    xattrs: [],
  };
}

/** Overlayfs's own attributes mean nothing elsewhere, and labels of the host's security modules belong to the host. */
const LEFT_OUT = /^(trusted\.overlay\.|security\.(selinux|ima|evm|apparmor)$|system\.nfs4_acl)/;
function readXattrs(path: ByteString): [string, Buffer][] {
  const disk = diskPath(path);
  const names = llistXattr(disk).filter((name) => !LEFT_OUT.test(name));
  return names.sort().flatMap((name): [string, Buffer][] => {
    const value = lgetXattr(disk, name);
    return value === undefined ? [] : [[name, value]];
  });
}

export function isOpaque(path: ByteString): boolean {
  const value = lgetXattr(diskPath(path), OPAQUE_XATTR);
  return value !== undefined && value.toString() === 'y';
}

function mtimeOf(stat: Pick<BigIntStats, 'mtimeNs'>, options: PackOptions): bigint {
  let nanos = stat.mtimeNs;
  if (!options.nanoseconds) nanos -= ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  if (options.clampSeconds !== undefined) {
    const limit = BigInt(options.clampSeconds) * 1_000_000_000n;
    if (nanos > limit) nanos = limit;
  }
  return nanos;
}

function typeOf(stat: BigIntStats): EntryType | undefined {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  if (stat.isFIFO()) return 'fifo';
  return undefined;
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
