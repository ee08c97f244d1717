import { closeSync, readFileSync, writeSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { check, libc } from './ffi.ts';

const memfdCreateCall = libc.func('int memfd_create(const char *name, unsigned int flags)');
const addSealsCall = libc.func('int fcntl(int fd, int command, int seals)');

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 16;
const F_ADD_SEALS = 1033;
const SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8;

/**
 * Opens a file without a name that is empty and stays so: reading ends at once, writing fails with `EPERM`.
 * The caller closes it.
 * @throws {SystemCallError}
 * @see memfd_create(2), fcntl(2) on F_ADD_SEALS
 */
export function openEmpty(): number {
  return sealed('empty', 0, () => undefined);
}

/**
 * Opens a copy of a program in memory that nobody can change, not even root. The caller closes it; `/proc/self/fd/N` runs it.
 * @throws {SystemCallError} `EACCES` where the host allows no such programs (vm.memfd_noexec)
 */
export function openSealedCopy(file: string): number {
  const content = readFileSync(file);
  const fill = (fd: number): void => {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
  };
  try {
    return sealed('program', MFD_EXEC, fill);
  } catch (e) {
    // Linux before 6.3 does not know the flag, and needs none.
    if (errnoOf(e) !== 'EINVAL') throw e;
    return sealed('program', 0, fill);
  }
}

function sealed(name: string, flags: number, fill: (fd: number) => void): number {
  const fd = check(memfdCreateCall(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags), 'memfd_create');
  try {
    fill(fd);
    check(addSealsCall(fd, F_ADD_SEALS, SEAL_ALL), 'fcntl');
  } catch (e) {
    closeSync(fd);
    throw e;
  }
  return fd;
}
