import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { check, libc, onThread, SystemCallError } from './ffi.ts';
import { cPath } from './xattr.ts';

/** File types in `mode` of stat(2) and mknod(2). */
export const S_IF = {
  MT: 0o170000,
  SOCK: 0o140000,
  LNK: 0o120000,
  REG: 0o100000,
  BLK: 0o060000,
  DIR: 0o040000,
  CHR: 0o020000,
  IFO: 0o010000,
} as const;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;
const EIO = 5;

const mknodCall = libc.func('int mknod(const char *path, uint32_t mode, uint64_t device)');
const utimensatCall = libc.func('int utimensat(int dir, const char *path, const void *times, int flags)');
const syncfsCall = libc.func('int syncfs(int fd)');
const syncFileRangeCall = libc.func('int sync_file_range(int fd, int64_t offset, int64_t bytes, unsigned int flags)');
const flockCall = libc.func('int flock(int fd, int operation)');

/** A device number in the kernel's and glibc's 64-bit form. */
export function makedev(major: number, minor: number): bigint {
  const ma = BigInt(major);
  const mi = BigInt(minor);
  return ((ma & 0xfffff000n) << 32n) | ((ma & 0xfffn) << 8n) | ((mi & 0xffffff00n) << 12n) | (mi & 0xffn);
}
export function majorOf(device: number | bigint): number {
  const d = BigInt(device);
  return Number(((d >> 32n) & 0xfffff000n) | ((d >> 8n) & 0xfffn));
}
export function minorOf(device: number | bigint): number {
  const d = BigInt(device);
  return Number(((d >> 12n) & 0xffffff00n) | (d & 0xffn));
}

/** Makes a device, FIFO or socket node; `mode` is `S_IF.*` with permissions (less the umask). @throws {SystemCallError} */
export function mknod(path: string | Buffer, mode: number, device: bigint | number = 0): void {
  check(mknodCall(cPath(path), mode, device), 'mknod', String(path));
}

/** Makes a FIFO. @throws {SystemCallError} `EEXIST` */
export function mkfifo(path: string, mode: number): void {
  check(mknodCall(path, S_IF.IFO | mode, 0), 'mkfifo', path);
}

const times = Buffer.alloc(32);

/**
 * Sets access and modification time in nanoseconds since the epoch, links not followed.
 * Node's own `lutimes` keeps microseconds at best.
 * @throws {SystemCallError}
 */
export function lutimeNanos(path: string | Buffer, atime: bigint, mtime: bigint): void {
  writeTime(atime, 0);
  writeTime(mtime, 16);
  check(utimensatCall(AT_FDCWD, cPath(path), times, AT_SYMLINK_NOFOLLOW), 'utimensat', String(path));
}

function writeTime(nanos: bigint, at: number): void {
  let seconds = nanos / 1_000_000_000n;
  let rest = nanos % 1_000_000_000n;
  if (rest < 0n) {
    seconds -= 1n;
    rest += 1_000_000_000n;
  }
  times.writeBigInt64LE(seconds, at);
  times.writeBigInt64LE(rest, at + 8);
}

/** Takes an exclusive advisory lock without waiting; it ends with the open file. `false`: somebody else holds it. */
export function tryLock(fd: number): boolean {
  if (flockCall(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === EWOULDBLOCK) return false;
  throw new SystemCallError('flock', errno);
}

/**
 * Lets the disk begin with what was written to a file, so that there is less to wait for later. Promises nothing, fails at nothing.
 * @see sync_file_range(2), SYNC_FILE_RANGE_WRITE
 */
export function beginWriteback(fd: number): void {
  syncFileRangeCall(fd, 0, 0, 2);
}

/**
 * Writes all that is not yet on disk of the file system that holds `path`, in a helper thread: what was made there before
 * survives a power cut when this resolves.
 * @throws {SystemCallError} `EIO`, `ENOSPC`
 */
export async function syncFileSystem(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    const call = () =>
      new Promise<boolean>((resolve, reject) => {
        syncfsCall.async(fd, (e: unknown, result: number) => {
          if (e) reject(e instanceof Error ? e : new Error('syncfs failed'));
          else resolve(result < 0);
        });
      });
    const failed = await onThread(call);
    // errno is the helper thread's own and gone by now; what the disk says is EIO in all likelihood.
    if (failed) throw new SystemCallError('syncfs', EIO, path);
  } finally {
    closeSync(fd);
  }
}
