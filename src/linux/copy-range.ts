import koffi from 'koffi';
import { libc, SystemCallError } from './ffi.ts';

const copy = libc.func(
  'int64_t copy_file_range(int from, void *fromOffset, int to, void *toOffset, size_t length, uint32_t flags)',
);
const EXDEV = 18;
const EINVAL = 22;
const ENOSYS = 38;
const EOPNOTSUPP = 95;
/** As much as one call takes. */
const MOST_BYTES = 0x7fff_f000;

/**
 * Copies from where one file is read to where the other is written, without bringing the bytes to this process; file systems
 * that can share blocks do that instead.
 * @returns bytes copied, 0 at the end; `undefined` if these files cannot be copied like that
 * @throws {SystemCallError} `ENOSPC`, `EIO`
 */
export function copyFileRange(from: number, to: number): number | undefined {
  const copied: number = copy(from, null, to, null, MOST_BYTES, 0);
  if (copied >= 0) return copied;
  const errno = koffi.errno();
  if ([EXDEV, EINVAL, ENOSYS, EOPNOTSUPP].includes(errno)) return undefined;
  throw new SystemCallError('copy_file_range', errno);
}
