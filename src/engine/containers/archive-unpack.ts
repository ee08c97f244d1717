import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  linkSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { errnoOf, invalidParameter, messageOf, WharfError } from '../../core/errors.ts';
import { type IdRange, rootOf, toHost } from '../../core/id-map.ts';
import {
  asOwner,
  decompress,
  displayName,
  lsetXattr,
  makedev,
  mknod,
  S_IF,
  type TarEntry,
  TarReader,
  type TarSink,
} from '../../storage/index.ts';
import { requestFailed } from '../errors.ts';
import type { Place, Root } from './rooted.ts';
import { walk } from './rooted.ts';

export interface UnpackOptions {
  /** A directory does not replace a file nor a file a directory. */
  readonly keepKind: boolean;
  /** Who everything belongs to, whatever the tar says. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Unpacks a tar, plain or compressed, into a directory of a tree. Names and links of the tar cannot lead out of the tree.
 * @throws {WharfError} `INVALID_PARAMETER`, `REQUEST_FAILED` at what is no tar
 */
export async function unpackInto(root: Root, directory: string, tar: Readable, options: UnpackOptions): Promise<void> {
  using sink = new RootedSink(root, directory, options);
  const reader = new TarReader(sink);
  const source = tar.pipe(new PassThrough());
  const fail = (error: Error) => source.destroy(error);
  source.on('error', () => undefined);
  tar.once('error', fail);
  try {
    for await (const chunk of decompress(source)) reader.push(chunk);
    reader.finish();
  } catch (cause) {
    // Docker's status for a damaged archive.
    if (cause instanceof WharfError && cause.code === 'BAD_LAYER') {
      throw requestFailed({ message: messageOf(cause) }, { cause });
    }
    throw cause;
  } finally {
    // Given up half way, the rest is still read off the connection: else the client never gets to the answer.
    tar.unpipe(source);
    tar.resume();
  }
  sink.finish();
}

/** Puts the members of a tar where they belong, one after the other. */
class RootedSink implements TarSink, Disposable {
  readonly #root: Root;
  readonly #directory: string;
  readonly #options: UnpackOptions;
  /** The regular file that is being written. */
  #file: { readonly fd: number; readonly path: string; readonly parent: Place; readonly entry: TarEntry } | undefined;
  /** Directories get their times last: whatever is put into them changes these. */
  readonly #times: { readonly inside: string; readonly entry: TarEntry }[] = [];

  constructor(root: Root, directory: string, options: UnpackOptions) {
    this.#root = root;
    this.#directory = directory;
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    this.#asRoot(() => this.#entry(entry));
  }

  /** With mapped users, as the container's root: the file systems of containers take files from nobody that they do not know. */
  #asRoot(work: () => void): void {
    const { ids } = this.#root;
    if (ids === undefined) work();
    else asOwner(rootOf(ids), work);
  }

  /** Who a member belongs to, as seen here. @throws {WharfError} `REQUEST_FAILED` if the container has no such user */
  #ownerOf(entry: TarEntry): { readonly uid: number; readonly gid: number } {
    const { uid, gid } = this.#options.owner ?? entry;
    const { ids } = this.#root;
    if (ids === undefined) return { uid, gid };
    const mapped = (ranges: readonly IdRange[], id: number): number => {
      const found = toHost(ranges, id);
      if (found === undefined) throw requestFailed({ message: `Container ID ${id} cannot be mapped to a host ID` });
      return found;
    };
    return { uid: mapped(ids.uids, uid), gid: mapped(ids.gids, gid) };
  }

  #entry(entry: TarEntry): void {
    const name = displayName(entry.name);
    if (name.includes('\0'))
      throw invalidParameter({ message: `invalid name in the archive: ${JSON.stringify(name)}` });
    const inside = posix.join(this.#directory, posix.join('/', name)).replace(/(?!^)\/$/, '');
    if (inside === this.#directory.replace(/(?!^)\/$/, '')) return;
    using undo = new DisposableStack();
    const parent = undo.use(walk(this.#root, posix.dirname(inside), { follow: true, makeDirectories: true }));
    const path = `${parent.path}/${posix.basename(inside)}`;
    const before = lstatSync(path, { throwIfNoEntry: false });
    this.#checkKind(entry, inside, before?.isDirectory());
    const stays = entry.type === 'directory' && before?.isDirectory() === true;
    if (before !== undefined && !stays) removeAt(path);
    if (entry.type === 'file') {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      this.#file = { fd: openSync(path, flags, 0o600), path, parent, entry };
      undo.move();
      return;
    }
    this.#make(entry, path, stays);
    if (entry.type === 'link') return;
    setAttributes(path, entry);
    if (entry.type === 'directory') this.#times.push({ inside, entry });
    else setTimes(path, entry);
  }

  data(bytes: Buffer): void {
    if (this.#file === undefined) return;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file.fd, bytes, at);
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    const { uid, gid } = this.#ownerOf(file.entry);
    fchownSync(file.fd, uid, gid);
    fchmodSync(file.fd, file.entry.mode); // after the owner: chown clears setuid
    setAttributes(file.path, file.entry);
    setTimes(file.path, file.entry);
    this[Symbol.dispose]();
  }

  /** After the last member. */
  finish(): void {
    for (const { inside, entry } of this.#times.toReversed()) {
      using parent = walk(this.#root, posix.dirname(inside), { follow: true });
      setTimes(`${parent.path}/${posix.basename(inside)}`, entry);
    }
  }

  [Symbol.dispose](): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    closeSync(file.fd);
    file.parent[Symbol.dispose]();
  }

  #checkKind(entry: TarEntry, inside: string, wasDirectory: boolean | undefined): void {
    const isDirectory = entry.type === 'directory';
    if (!this.#options.keepKind || wasDirectory === undefined || wasDirectory === isDirectory) return;
    const name = displayName(entry.name);
    throw invalidParameter({
      message: isDirectory
        ? `cannot overwrite non-directory "${inside}" with directory "${name}"`
        : `cannot overwrite directory "${inside}" with non-directory "${name}"`,
    });
  }

  #make(entry: TarEntry, path: string, stays: boolean): void {
    const { uid, gid } = this.#ownerOf(entry);
    switch (entry.type) {
      case 'directory': {
        if (!stays) mkdirSync(path, { mode: 0o755 });
        const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        try {
          fchownSync(fd, uid, gid);
          fchmodSync(fd, entry.mode);
        } finally {
          closeSync(fd);
        }
        return;
      }
      case 'symlink':
        symlinkSync(displayName(entry.linkname), path);
        lchownSync(path, uid, gid);
        return;
      case 'link': {
        const linked = posix.join(this.#directory, posix.join('/', displayName(entry.linkname)));
        using target = walk(this.#root, linked, { follow: false });
        using targetParent = walk(this.#root, posix.dirname(target.inside), { follow: true });
        linkSync(`${targetParent.path}/${posix.basename(target.inside)}`, path);
        return;
      }
      case 'char':
      case 'block':
      case 'fifo':
        mknod(path, NODES[entry.type] | entry.mode, makedev(entry.major, entry.minor));
        lchownSync(path, uid, gid);
        chmodSync(path, entry.mode); // mknod obeys the umask; what was made just now is no link
        return;
      case 'file':
        return;
    }
  }
}

/** Removes what a name in an open directory stands for, on open handles: nothing that is swapped meanwhile leads elsewhere. */
function removeAt(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return unlinkSync(path);
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    for (const child of readdirSync(`/proc/self/fd/${fd}`)) removeAt(`/proc/self/fd/${fd}/${child}`);
  } finally {
    closeSync(fd);
  }
  rmdirSync(path);
}

const NODES = { char: S_IF.CHR, block: S_IF.BLK, fifo: S_IF.IFO } as const;

/** After the owner: chown clears capabilities. Where the file system has no such attributes they are left out. */
function setAttributes(path: string, entry: TarEntry): void {
  for (const [name, value] of entry.xattrs) {
    try {
      lsetXattr(path, name, value);
    } catch (error) {
      if (!['ENOTSUP', 'EOPNOTSUPP', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
}

function setTimes(path: string, entry: TarEntry): void {
  const seconds = Number(entry.mtimeNanos / 1000n) / 1e6;
  lutimesSync(path, seconds, seconds);
}
