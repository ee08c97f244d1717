import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { errnoOf } from '../../core/errors.ts';
import { toContainer } from '../../core/id-map.ts';
import {
  byteString,
  capabilityForAll,
  type EntryType,
  lgetXattr,
  majorOf,
  minorOf,
  paddingOf,
  type TarEntry,
  tarHeader,
} from '../../storage/index.ts';
import type { Place, Root } from './rooted.ts';
import { walk } from './rooted.ts';

const CHUNK_BYTES = 256 * 1024;
/** Two blocks of zeros end a tar. */
const TRAILER = Buffer.alloc(1024);
/** The attribute that Docker carries along: what a program may do without being root. */
const CAPABILITY = 'security.capability';

/**
 * A tar of a place and all below it, under a name; hard links within it stay links. `done` is called at the end, on failure,
 * and when the reader goes.
 */
export function packTree(root: Root, top: Place, name: string, done: () => Promise<void>): Readable {
  const links = new Map<string, string>();
  async function* bytes(): AsyncGenerator<Buffer, void> {
    try {
      yield* packPlace(root, top, name, links);
      yield TRAILER;
    } finally {
      await done();
    }
  }
  return Readable.from(bytes(), { objectMode: false, highWaterMark: CHUNK_BYTES });
}

function* packPlace(root: Root, at: Place, name: string, links: Map<string, string>): Generator<Buffer, void> {
  const { stats } = at;
  if (stats.isDirectory()) {
    const prefix = name === '' ? '' : `${name.replace(/\/$/, '')}/`;
    if (prefix !== '') yield header(root, at, prefix, 'directory');
    for (const child of readdirSync(`${at.path}/.`).sort()) {
      let next: Place;
      try {
        next = walk(root, posix.join(at.inside, child), { follow: false });
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') continue; // gone meanwhile
        throw error;
      }
      using _close = next;
      yield* packPlace(root, next, `${prefix}${child}`, links);
    }
    return;
  }
  if (stats.isSymbolicLink()) {
    using parent = walk(root, posix.dirname(at.inside), { follow: true });
    const linkname = byteString(readlinkSync(`${parent.path}/${posix.basename(at.inside)}`));
    yield header(root, at, name, 'symlink', { linkname });
    return;
  }
  if (stats.isFile()) {
    const inode = `${stats.dev}:${stats.ino}`;
    const before = stats.nlink > 1 ? links.get(inode) : undefined;
    if (before !== undefined) {
      yield header(root, at, name, 'link', { linkname: byteString(before) });
      return;
    }
    links.set(inode, name);
    const capability = capabilityOf(root, at);
    yield* packFile(root, at, name, capability === undefined ? [] : [[CAPABILITY, capability]]);
    return;
  }
  if (stats.isFIFO()) yield header(root, at, name, 'fifo');
  else if (stats.isCharacterDevice() || stats.isBlockDevice()) {
    const numbers = { major: majorOf(stats.rdev), minor: minorOf(stats.rdev) };
    yield header(root, at, name, stats.isBlockDevice() ? 'block' : 'char', numbers);
  }
  // Sockets cannot be archived.
}

/** A file that grows meanwhile is cut where it ended when it was opened; one that shrinks is filled up with zeros. */
function* packFile(root: Root, at: Place, name: string, xattrs: TarEntry['xattrs']): Generator<Buffer, void> {
  const fd = openSync(at.path, constants.O_RDONLY);
  try {
    const { size } = fstatSync(fd);
    yield header(root, at, name, 'file', { size, xattrs });
    for (let left = size; left > 0; ) {
      const chunk = Buffer.alloc(Math.min(left, CHUNK_BYTES));
      const read = readSync(fd, chunk);
      yield read === 0 ? chunk : chunk.subarray(0, read);
      left -= read === 0 ? chunk.length : read;
    }
    if (paddingOf(size) > 0) yield Buffer.alloc(paddingOf(size));
  } finally {
    closeSync(fd);
  }
}

function header({ ids }: Root, { stats }: Place, name: string, type: EntryType, more: Partial<TarEntry> = {}): Buffer {
  return tarHeader({
    name: byteString(name),
    type,
    mode: stats.mode & 0o7777,
    uid: ids === undefined ? stats.uid : toContainer(ids.uids, stats.uid),
    gid: ids === undefined ? stats.gid : toContainer(ids.gids, stats.gid),
    size: 0,
    // Whole seconds, as Docker: half of the readers of tars know no others.
    mtimeNanos: BigInt(Math.floor(stats.mtimeMs / 1000)) * 1_000_000_000n,
    linkname: '',
    major: 0,
    minor: 0,
    xattrs: [],
    ...more,
  });
}

/** By name in its directory: a handle of the kind that `walk` makes has no attributes to read. */
function capabilityOf(root: Root, at: Place): Buffer | undefined {
  if (at.inside === '/') return undefined;
  try {
    using parent = walk(root, posix.dirname(at.inside), { follow: true });
    return capabilityForAll(lgetXattr(`${parent.path}/${posix.basename(at.inside)}`, CAPABILITY));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
