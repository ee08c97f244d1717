import { check, libc } from './ffi.ts';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int option, _Out_ void *value, _Inout_ uint32_t *length)',
);

/** The process that opened the other end of a unix socket, as it was then. */
export interface Peer {
  /** In this process's PID namespace; 0 if it is not in it. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who is at the other end of a unix socket that was accepted.
 * @param socket a socket of Node's
 * @returns `undefined` for other sockets, and one that is closed
 * @see unix(7), SO_PEERCRED
 */
export function peerOf(socket: object): Peer | undefined {
  // Not in the types: the handle that every socket has while it is open.
  const fd = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  const value = Buffer.alloc(12);
  check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, [value.length]), 'getsockopt');
  const pid = value.readInt32LE(0);
  return pid > 0 ? { pid, uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) } : undefined;
}
