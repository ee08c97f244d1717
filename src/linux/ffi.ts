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

/** Koffi refuses more calls at a time than a few dozen. The pool has fewer threads than this. */
const MOST_ON_THREADS = 32;
let onThreads = 0;
const waiting: (() => void)[] = [];

/**
 * Has a place among the calls that are made on threads of the pool, for as long as `call` takes; until there is one, it waits.
 */
export async function onThread<T>(call: () => Promise<T>): Promise<T> {
  if (onThreads >= MOST_ON_THREADS) await new Promise<void>((go) => waiting.push(go));
  else onThreads++;
  try {
    return await call();
  } finally {
    // A place that is given on was never free.
    const next = waiting.shift();
    if (next === undefined) onThreads--;
    else next();
  }
}

/**
 * Makes a system call on a thread of the pool and gives its result.
 * @throws {SystemCallError} if that is negative
 */
export function callOnThread(
  call: ReturnType<typeof libc.func>,
  args: readonly unknown[],
  syscall: string,
  path?: string,
): Promise<number> {
  const made = () =>
    new Promise<number>((resolve, reject) => {
      call.async(...args, (problem: Error | null, result: number) => {
        if (problem !== null) reject(problem);
        else if (result < 0) reject(new SystemCallError(syscall, koffi.errno(), path));
        else resolve(result);
      });
    });
  return onThread(made);
}
