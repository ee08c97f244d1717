import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf } from '../../core/errors.ts';
import { beginWriteback, lsetXattr, lutimeNanos, makedev, mknod, S_IF } from '../../linux/index.ts';
import { badLayer } from '../errors.ts';
import { byteString, type ByteString, diskPath, displayName, type TarEntry } from './entry.ts';
import type { TarSink } from './reader.ts';
import { writeWhole } from './write.ts';

/** What overlayfs knows a directory by that hides all that lies below it in lower layers. */
export const OPAQUE_XATTR = 'trusted.overlay.opaque';
export const WHITEOUT_PREFIX = '.wh.';
export const OPAQUE_MARKER = '.wh..wh..opq';
const MAX_LINKS = 40;
/** Files that the disk may begin with before all others are there; for smaller ones it finds a better order by itself. */
const LARGE = 2 * 1024 * 1024;

export interface UnpackOptions {
  /** Directory to fill; nothing outside it is ever touched. */
  readonly root: string;
  /** The root was empty and is ours alone: what is in it is known without looking. */
  readonly fresh: boolean;
  /** `overlay`: `.wh.x` becomes a 0:0 device, `.wh..wh..opq` an attribute. `none`: such names are ordinary files. */
  readonly whiteouts: 'overlay' | 'none';
  /** Devices and pipes are refused; they are made unless that is said. */
  readonly devices?: 'refused';
  /** Told of every regular file, for a recipe. */
  readonly onFile?: (name: ByteString, size: number) => void;
  readonly onRaw?: (bytes: Buffer) => void;
  /** Told before something that was unpacked is replaced; `true` if it took the file or directory away itself. */
  readonly onReplace?: (name: ByteString) => boolean;
}

type Kind =
  | { readonly is: 'directory' | 'file' | 'whiteout' }
  | { readonly is: 'symlink'; readonly target: ByteString };

/**
 * Writes the members of a tar below a root. Every parent component is resolved inside the root (links too), so no name leads out.
 * Order at each file: create, owner, attributes, mode, times; chown clears set-uid and capabilities. Directories get mode and
 * times when all else is done (`close`).
 */
export class Unpacker implements TarSink {
  readonly #options: UnpackOptions;
  readonly #root: ByteString;
  readonly #kinds = new Map<ByteString, Kind>([['', { is: 'directory' }]]);
  readonly #directories = new Map<ByteString, { mode: number; mtimeNanos: bigint | undefined }>();
  readonly #opaque = new Set<ByteString>();
  readonly #implied = new Set<ByteString>();
  #file: { fd: number; entry: TarEntry; name: ByteString } | undefined;
  /** Of the entry that was last begun, as the tar has it. */
  #entryName: ByteString = '';
  /** Bytes of the file that the disk was not told of. */
  #unsent = 0;
  /** Bytes in regular files, hard links once. */
  sizeBytes = 0;
  readonly raw: ((bytes: Buffer) => void) | undefined;

  constructor(options: UnpackOptions) {
    this.#options = options;
    this.#root = byteString(options.root);
    this.raw = options.onRaw;
  }

  entry(entry: TarEntry): void {
    const wanted = cleanName(entry.name);
    this.#entryName = entry.name;
    if (wanted === '') {
      if (entry.type === 'directory') this.#setDirectory('', entry);
      return;
    }
    const slash = wanted.lastIndexOf('/');
    const base = wanted.slice(slash + 1);
    const parent = this.#ensureDirectory(slash < 0 ? '' : wanted.slice(0, slash));
    if (this.#options.whiteouts === 'overlay' && base.startsWith(WHITEOUT_PREFIX)) {
      this.#whiteout(parent, base, entry);
      return;
    }
    const name = join(parent, base);
    const wasWhiteout = this.#makeRoom(name, entry);
    switch (entry.type) {
      case 'directory':
        if (this.#kind(name)?.is !== 'directory') {
          mkdirSync(this.#path(name), { mode: 0o755 });
          this.#kinds.set(name, { is: 'directory' });
          if (wasWhiteout) this.#setOpaque(name);
        }
        this.#setDirectory(name, entry);
        return;
      case 'file': {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        this.#file = { fd: openSync(this.#path(name), flags, 0o600), entry, name };
        this.#kinds.set(name, { is: 'file' });
        if (entry.sparse !== true) this.#options.onFile?.(name, entry.size);
        return; // owner and the like follow in end(), which comes at once if the file is empty
      }
      case 'link': {
        const target = this.#resolveExisting(cleanName(entry.linkname));
        const kind = target === undefined ? undefined : this.#kind(target);
        if (target === undefined || kind === undefined || kind.is === 'directory') {
          throw badLayer({
            why: `hard link "${displayName(entry.name)}" to "${displayName(entry.linkname)}", which is not there`,
          });
        }
        linkSync(this.#path(target), this.#path(name));
        this.#kinds.set(name, kind);
        return;
      }
      case 'symlink':
        symlinkSync(diskPath(entry.linkname), this.#path(name));
        this.#kinds.set(name, { is: 'symlink', target: entry.linkname });
        this.#finishNode(name, entry);
        return;
      case 'char':
      case 'block':
      case 'fifo': {
        if (this.#options.devices === 'refused') {
          throw badLayer({ why: `"${displayName(entry.name)}" is a device or pipe, which is not allowed here` });
        }
        const type = entry.type === 'char' ? S_IF.CHR : entry.type === 'block' ? S_IF.BLK : S_IF.IFO;
        mknod(this.#path(name), type | 0o600, makedev(entry.major, entry.minor));
        this.#kinds.set(name, { is: 'file' });
        this.#finishNode(name, entry);
      }
    }
  }

  data(bytes: Buffer, place?: number): void {
    if (!this.#file) return;
    this.sizeBytes += bytes.length;
    writeWhole(this.#file.fd, bytes, place);
    this.#unsent += bytes.length;
    if (this.#unsent < LARGE) return;
    this.#unsent = 0;
    beginWriteback(this.#file.fd);
  }

  end(): void {
    if (!this.#file) return;
    const { fd, entry, name } = this.#file;
    this.#file = undefined;
    try {
      if (entry.sparse === true) ftruncateSync(fd, entry.size);
      if (entry.uid !== 0 || entry.gid !== 0) fchownSync(fd, entry.uid, entry.gid);
      this.#setXattrs(name, entry);
      fchmodSync(fd, entry.mode);
      if (entry.size >= LARGE) beginWriteback(fd);
      this.#unsent = 0;
    } finally {
      closeSync(fd);
    }
    lutimeNanos(this.#path(name), entry.mtimeNanos, entry.mtimeNanos);
  }

  /** Gives directories their modes and times. To be called once, after the last entry. */
  close(): void {
    for (const [name, { mode, mtimeNanos }] of this.#directories) {
      const path = this.#path(name);
      chmodSync(path, mode);
      if (mtimeNanos !== undefined) lutimeNanos(path, mtimeNanos, mtimeNanos);
    }
    this.#directories.clear();
  }

  /** Directories that no entry describes: they were made because something is in them. */
  get implied(): ByteString[] {
    return [...this.#implied];
  }

  /** Frees what an unfinished entry holds. */
  [Symbol.dispose](): void {
    if (this.#file) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #path(name: ByteString): string | Buffer {
    return diskPath(name === '' ? this.#root : `${this.#root}/${name}`);
  }

  #kind(name: ByteString): Kind | undefined {
    const known = this.#kinds.get(name);
    if (known || this.#options.fresh) return known;
    const stat = lstatSync(this.#path(name), { throwIfNoEntry: false });
    if (!stat) return undefined;
    const kind: Kind = stat.isDirectory()
      ? { is: 'directory' }
      : stat.isSymbolicLink()
        ? { is: 'symlink', target: readlinkSync(this.#path(name), 'latin1') }
        : { is: 'file' };
    this.#kinds.set(name, kind);
    return kind;
  }

  /**
   * Follows links in `name` inside the root; in a root that is filled from nothing, links that climb above it lead nowhere that
   * an image could mean, and are refused. Gives the real name of the directory, or where the path ends.
   */
  #walk(
    name: ByteString,
    onMissing: (name: ByteString) => boolean,
    links = 0,
    behind?: ByteString,
  ): ByteString | undefined {
    if (this.#kinds.get(name)?.is === 'directory') return name;
    const parts = name.split('/');
    let at = '';
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] ?? '';
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (at === '' && behind !== undefined && this.#options.fresh) throw leadsOut(this.#entryName, behind);
        at = parentOf(at);
        continue;
      }
      const next = join(at, part);
      const kind = this.#kind(next);
      if (kind?.is === 'directory') at = next;
      else if (kind?.is === 'symlink') {
        if (links >= MAX_LINKS) throw badLayer({ why: `too many links in "${displayName(name)}"` });
        const start = kind.target.startsWith('/') ? '' : at;
        const followed = [start, kind.target, ...parts.slice(i + 1)].join('/');
        return this.#walk(followed, onMissing, links + 1, behind ?? kind.target);
      } else if (onMissing(next)) at = next;
      else return undefined;
    }
    return at;
  }

  /** The directory in which an entry is to be made, with the missing parts of its path. */
  #ensureDirectory(name: ByteString): ByteString {
    const made = this.#walk(name, (missing) => {
      const wasWhiteout = this.#makeRoom(missing, undefined);
      mkdirSync(this.#path(missing), { mode: 0o755 });
      this.#kinds.set(missing, { is: 'directory' });
      if (wasWhiteout) this.#setOpaque(missing);
      this.#implied.add(missing);
      return true;
    });
    return made ?? '';
  }

  #resolveExisting(name: ByteString): ByteString | undefined {
    const parent = this.#walk(parentOf(name), () => false);
    return parent === undefined ? undefined : join(parent, name.slice(name.lastIndexOf('/') + 1));
  }

  /** Removes what an entry replaces: all but a directory that meets a directory. Tells whether that was a whiteout. */
  #makeRoom(name: ByteString, entry: TarEntry | undefined): boolean {
    const kind = this.#kind(name);
    if (kind === undefined || (kind.is === 'directory' && entry?.type === 'directory')) return false;
    if (kind.is === 'whiteout') unlinkSync(this.#path(name));
    else if (!this.#options.onReplace?.(name)) rmSync(this.#path(name), { recursive: true, force: true });
    this.#kinds.delete(name);
    if (kind.is === 'directory') this.#forgetBelow(name);
    return kind.is === 'whiteout';
  }

  #forgetBelow(name: ByteString): void {
    this.#directories.delete(name);
    this.#implied.delete(name);
    for (const known of this.#kinds.keys()) {
      if (!known.startsWith(`${name}/`)) continue;
      this.#kinds.delete(known);
      this.#directories.delete(known);
      this.#implied.delete(known);
    }
  }

  #whiteout(parent: ByteString, base: ByteString, entry: TarEntry): void {
    if (base === OPAQUE_MARKER) {
      this.#setOpaque(parent);
      return;
    }
    if (base.startsWith('.wh..wh.')) return; // bookkeeping of aufs
    const hidden = base.slice(WHITEOUT_PREFIX.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw badLayer({ why: `invalid whiteout "${displayName(entry.name)}"` });
    const name = join(parent, hidden);
    const kind = this.#kind(name);
    if (kind) {
      // The same layer brings it back: only what lies below is hidden.
      if (kind.is === 'directory') this.#setOpaque(name);
      return;
    }
    mknod(this.#path(name), S_IF.CHR, 0);
    lutimeNanos(this.#path(name), entry.mtimeNanos, entry.mtimeNanos);
    this.#kinds.set(name, { is: 'whiteout' });
  }

  #setOpaque(name: ByteString): void {
    if (this.#opaque.has(name)) return;
    this.#opaque.add(name);
    lsetXattr(this.#path(name), OPAQUE_XATTR, 'y');
  }

  #setDirectory(name: ByteString, entry: TarEntry): void {
    this.#implied.delete(name);
    lchownSync(this.#path(name), entry.uid, entry.gid);
    this.#setXattrs(name, entry);
    this.#directories.set(name, { mode: entry.mode, mtimeNanos: entry.mtimeNanos });
  }

  #finishNode(name: ByteString, entry: TarEntry): void {
    const path = this.#path(name);
    if (entry.uid !== 0 || entry.gid !== 0) lchownSync(path, entry.uid, entry.gid);
    this.#setXattrs(name, entry);
    if (entry.type !== 'symlink') chmodSync(path, entry.mode);
    lutimeNanos(path, entry.mtimeNanos, entry.mtimeNanos);
  }

  #setXattrs(name: ByteString, entry: TarEntry): void {
    for (const [key, value] of entry.xattrs) {
      if (key.startsWith('trusted.overlay.')) continue; // would let a layer speak to overlayfs
      try {
        lsetXattr(this.#path(name), key, value);
      } catch (e) {
        if (errnoOf(e) !== 'ENOTSUP' && errnoOf(e) !== 'EPERM') throw e;
      }
    }
  }
}

/** Moves what `onReplace` is told of out of the way, into `directory`. */
export function moveAside(root: string, name: ByteString, to: string): void {
  renameSync(diskPath(`${byteString(root)}/${name}`), to);
}

/** Without `./`, `/` and doubled slashes. @throws {WharfError} `BAD_LAYER` at `..` and NUL */
export function cleanName(name: ByteString): ByteString {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || name.includes('\0'))
    throw badLayer({ why: `invalid name in tar: "${displayName(name)}"` });
  return parts.join('/');
}

function leadsOut(name: ByteString, target: ByteString): Error {
  const [entry, link] = [displayName(name), displayName(target)];
  return badLayer({ why: `invalid name in tar: "${entry}" leads out of the layer by a link to "${link}"` });
}

function join(parent: ByteString, base: ByteString): ByteString {
  return parent === '' ? base : `${parent}/${base}`;
}
function parentOf(name: ByteString): ByteString {
  const slash = name.lastIndexOf('/');
  return slash < 0 ? '' : name.slice(0, slash);
}
