import koffi from 'koffi';
import { check, libc, SystemCallError } from './ffi.ts';

const lgetxattr = libc.func('int64_t lgetxattr(const char *path, const char *name, _Out_ void *value, size_t size)');
const llistxattr = libc.func('int64_t llistxattr(const char *path, _Out_ void *list, size_t size)');
const lsetxattr = libc.func(
  'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
);
const lremovexattr = libc.func('int lremovexattr(const char *path, const char *name)');

const ENODATA = 61;
const ENOTSUP = 95;
const ERANGE = 34;
/** XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel. */
const MAX = 65536;
let scratch = Buffer.alloc(1024);

/** A path for a C function: a Buffer is taken as bytes, for names that are not UTF-8. */
export function cPath(path: string | Buffer): string | Buffer {
  return typeof path === 'string' ? path : Buffer.concat([path, Buffer.of(0)]);
}

/** Value of an extended attribute, links not followed; `undefined` if it is not there. @throws {SystemCallError} */
export function lgetXattr(path: string | Buffer, name: string): Buffer | undefined {
  for (;;) {
    const n: number = lgetxattr(cPath(path), name, scratch, scratch.length);
    if (n >= 0) return Buffer.from(scratch.subarray(0, n));
    const errno = koffi.errno();
    if (errno === ENODATA || errno === ENOTSUP) return undefined;
    if (errno !== ERANGE || scratch.length >= MAX) throw new SystemCallError('lgetxattr', errno, String(path));
    scratch = Buffer.alloc(MAX);
  }
}

/** Names of all extended attributes, links not followed; empty where the file system has none. @throws {SystemCallError} */
export function llistXattr(path: string | Buffer): string[] {
  for (;;) {
    const n: number = llistxattr(cPath(path), scratch, scratch.length);
    if (n === 0) return [];
    if (n > 0) return scratch.toString('utf8', 0, n - 1).split('\0');
    const errno = koffi.errno();
    if (errno === ENOTSUP) return [];
    if (errno !== ERANGE || scratch.length >= MAX) throw new SystemCallError('llistxattr', errno, String(path));
    scratch = Buffer.alloc(MAX);
  }
}

/** Sets an extended attribute, links not followed. @throws {SystemCallError} */
export function lsetXattr(path: string | Buffer, name: string, value: Buffer | string): void {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  check(lsetxattr(cPath(path), name, bytes, bytes.length, 0), 'lsetxattr', String(path));
}

/** Removes an extended attribute; success means "it is not there". @throws {SystemCallError} */
export function lremoveXattr(path: string | Buffer, name: string): void {
  if (lremovexattr(cPath(path), name) === 0) return;
  const errno = koffi.errno();
  if (errno !== ENODATA && errno !== ENOTSUP) throw new SystemCallError('lremovexattr', errno, String(path));
}
