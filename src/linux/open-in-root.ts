import { closeSync } from 'node:fs';
import { check, libc } from './ffi.ts';

const SYS_OPENAT2 = 437;
const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;
const AT_FDCWD = -100;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;
const O_NOFOLLOW = 0o400000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/** What openat2 is told: flags, then what it may pass on the way. */
function howTo(flags: number, resolve: number): Buffer {
  const data = Buffer.alloc(24);
  data.writeBigUInt64LE(BigInt(flags), 0);
  data.writeBigUInt64LE(BigInt(resolve), 16);
  return data;
}
const READ_BENEATH = howTo(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

const openat2 = libc.func('long syscall(long number, int directory, const char *path, void *how, size_t size)');

/** A file held by a descriptor: `path` names that very file, whatever becomes of the names that led to it. */
export interface HeldPath extends Disposable {
  readonly path: string;
}

/**
 * Finds `path` as if `root` were the root directory: neither `..` nor a symlink, also one that is put there meanwhile, leads
 * out of it.
 * @throws {SystemCallError} `ENOENT`, `ENOTDIR`, `ELOOP`; `ENOSYS` before Linux 5.6
 * @see openat2(2), RESOLVE_IN_ROOT
 */
export function openInRoot(root: string, path: string): HeldPath {
  const open = (directory: number, name: string, resolve: number) =>
    check(openat2(SYS_OPENAT2, directory, name, howTo(O_PATH_CLOEXEC, resolve), 24), 'openat2', name);
  const top = open(AT_FDCWD, root, 0);
  try {
    const fd = open(top, path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    let isOpen = true;
    return {
      path: `/proc/${process.pid}/fd/${fd}`,
      [Symbol.dispose]() {
        if (isOpen) closeSync(fd);
        isOpen = false;
      },
    };
  } finally {
    closeSync(top);
  }
}

/**
 * Opens a file below a directory for reading. No symlink is followed on the way, whatever becomes of the names meanwhile, and
 * a FIFO is not waited for.
 * @param directory descriptor of the directory
 * @param path relative to it; `''`, or with a `..` that leads out, is refused
 * @returns a descriptor, to be closed by the caller
 * @throws {SystemCallError} `ENOENT`, `ENOTDIR`, `ELOOP` at a symlink, `EXDEV`; `ENOSYS` before Linux 5.6
 */
export function openBeneath(directory: number, path: string): number {
  return check(openat2(SYS_OPENAT2, directory, path, READ_BENEATH, READ_BENEATH.length), 'openat2', path);
}
