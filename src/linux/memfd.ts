import { closeSync } from 'node:fs';
import { check, libc } from './ffi.ts';

const memfdCreateCall = libc.func('int memfd_create(const char *name, unsigned int flags)');
const addSealsCall = libc.func('int fcntl(int fd, int command, int seals)');

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8;

/**
 * Opens a file without a name that is empty and stays so: reading ends at once, writing fails with `EPERM`.
 * The caller closes it.
 * @throws {SystemCallError}
 * @see memfd_create(2), fcntl(2) on F_ADD_SEALS
 */
export function openEmpty(): number {
  const fd = check(memfdCreateCall('empty', MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create');
  try {
    check(addSealsCall(fd, F_ADD_SEALS, SEAL_ALL), 'fcntl');
  } catch (e) {
    closeSync(fd);
    throw e;
  }
  return fd;
}
