import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import koffi from 'koffi';

/** The C library of this process. Only `src/linux` reaches it. */
export const libc = koffi.load('libc.so.6');

/** A failed system call: `code` is the errno name, `syscall` the call, `path` the thing it was about. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;
  readonly path: string | undefined;
  constructor(syscall: string, errno: number, path?: string) {
    const code = getSystemErrorName(-errno);
    const words = getSystemErrorMap().get(-errno)?.[1] ?? code;
    super(`${syscall}${path === undefined ? '' : ` "${path}"`}: ${words}`);
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
    this.path = path;
  }
}

/** Passes on a result that is not negative. @throws {SystemCallError} with the errno of the call just made */
export function check(result: number, syscall: string, path?: string): number {
  if (result < 0) throw new SystemCallError(syscall, koffi.errno(), path);
  return result;
}
