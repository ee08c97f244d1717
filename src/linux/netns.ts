import { closeSync, mkdirSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../core/errors.ts';
import { check, libc } from './ffi.ts';
import { bindMount, umountAll, umountAsync } from './mount.ts';

const CLONE_NEWNET = 0x40000000;
const OWN_NAMESPACE = '/proc/thread-self/ns/net';

const unshare = libc.func('int unshare(int flags)');
const setns = libc.func('int setns(int fd, int kind)');

/**
 * Makes a network namespace, kept alive by a bind mount on the new file `file`, and runs `inside` in it (to bring up lo,
 * say). About a millisecond, on this thread: namespaces belong to threads, and nothing else can run on it meanwhile. On
 * failure nothing is left.
 * @throws {SystemCallError} `EPERM` without CAP_SYS_ADMIN
 */
export function createNetns(file: string, inside: () => void): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
  closeSync(openSync(file, 'wx', 0o444));
  try {
    away(() => {
      check(unshare(CLONE_NEWNET), 'unshare');
      bindMount(OWN_NAMESPACE, file);
      inside();
    });
  } catch (error) {
    removeNetns(file);
    throw error;
  }
}

/** Lets go of a namespace: the kernel removes it with its last process. Success means "the file is not there". */
export function removeNetns(file: string): void {
  umountAll(file);
  try {
    unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** As `removeNetns`, of one that was made once, on a thread of the pool: among many mounts unmounting takes milliseconds. */
export async function removeNetnsAsync(file: string): Promise<void> {
  try {
    await umountAsync(file, { detach: true });
  } catch (error) {
    const code = errnoOf(error);
    if (code !== 'EINVAL' && code !== 'ENOENT') throw error;
  }
  removeNetns(file);
}

/**
 * Runs `inside` with this thread in the namespace of `file` (a bind mount, or `/proc/PID/ns/net`). What it opens (sockets)
 * stays in that namespace; `/proc/sys/net` is that namespace's too. Must be synchronous: the thread comes back before the
 * event loop goes on.
 */
export function inNetns<T>(file: string, inside: (netnsFd: number) => T extends Promise<unknown> ? never : T): T {
  const fd = openSync(file, 'r');
  try {
    return away(() => {
      check(setns(fd, CLONE_NEWNET), 'setns', file);
      return inside(fd);
    }) as T;
  } finally {
    closeSync(fd);
  }
}

/** Sets a value below `/proc/sys/net` of the thread's namespace; `key` with slashes. */
export function setNetSysctl(key: string, value: string): void {
  writeFileSync(path.join('/proc/sys/net', key), value);
}

function away<T>(work: () => T): T {
  const home = openSync(OWN_NAMESPACE, 'r');
  try {
    return work();
  } finally {
    // A thread that cannot come back would do all that follows in a stranger's network.
    if (setns(home, CLONE_NEWNET) !== 0) process.abort();
    closeSync(home);
  }
}
