import { closeSync } from 'node:fs';
import { check, libc } from './ffi.ts';

const SYS_OPENAT2 = 437;
const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;
const AT_FDCWD = -100;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;

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
  const how = (resolve: number) => {
    const data = Buffer.alloc(24);
    data.writeBigUInt64LE(BigInt(O_PATH_CLOEXEC), 0);
    data.writeBigUInt64LE(BigInt(resolve), 16);
    return data;
  };
  const open = (directory: number, name: string, resolve: number) =>
    check(openat2(SYS_OPENAT2, directory, name, how(resolve), 24), 'openat2', name);
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
