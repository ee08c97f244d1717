import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import koffi from 'koffi';
import { SystemCallError, check, libc } from './ffi.ts';
import { encodeAddress, openInetSocket, setSocketOption } from './inet-socket.ts';

const F_DUPFD_CLOEXEC = 1030;
const SOCK_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const SHUT_WR = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const YES = Buffer.from(Int32Array.of(1).buffer);
const EAGAIN = 11;
const EINPROGRESS = 115;

const fcntl = libc.func('int fcntl(int fd, int command, int argument)');
const connect = libc.func('int connect(int fd, void *address, uint32_t length)');
const accept4 = libc.func('int accept4(int fd, void *address, void *length, int flags)');
const shutdown = libc.func('int shutdown(int fd, int how)');
const recv = libc.func('long recv(int fd, void *data, size_t length, int flags)');
const send = libc.func('long send(int fd, void *data, size_t length, int flags)');

/** A second descriptor of the same socket, which stays open when the first is closed. */
export function duplicate(fd: number): number {
  return check(fcntl(fd, F_DUPFD_CLOEXEC, 3), 'fcntl');
}

/** Small pieces are sent at once; what is accepted from a listening socket inherits it. @throws {SystemCallError} */
export function sendAtOnce(fd: number): void {
  setSocketOption(fd, IPPROTO_TCP, TCP_NODELAY, YES);
}

/** A connection that waits at a listening socket; `undefined`: there is none, or it cannot be had now. */
export function acceptConnection(fd: number): number | undefined {
  const accepted = accept4(fd, null, null, SOCK_CLOEXEC_NONBLOCK);
  return accepted < 0 ? undefined : accepted;
}

/** Begins a TCP connection; whether there will be one shows at the first `receive` or `transmit`. @throws {SystemCallError} */
export function beginConnection(address: string, port: number): number {
  const fd = openInetSocket('tcp', isIPv6(address) ? 6 : 4);
  try {
    sendAtOnce(fd);
    const encoded = encodeAddress(address, port);
    if (connect(fd, encoded, encoded.length) !== 0) {
      const errno = koffi.errno();
      if (errno !== EINPROGRESS) throw new SystemCallError('connect', errno, `${address}:${port}`);
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Reads what is there into `data`; bytes read, 0 at the end, `undefined` if there is nothing yet. @throws {SystemCallError} */
export function receive(fd: number, data: Buffer, length: number): number | undefined {
  return unlessLater(Number(recv(fd, data, length, MSG_DONTWAIT)), 'recv');
}

/** Writes what fits; bytes written, `undefined` if nothing does yet. @throws {SystemCallError} */
export function transmit(fd: number, data: Buffer, length: number): number | undefined {
  return unlessLater(Number(send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL)), 'send');
}

/** The other side sees the end of what it receives. */
export function endWriting(fd: number): void {
  shutdown(fd, SHUT_WR);
}

/** Closes so that the other side sees a reset, not an end. */
export function resetConnection(fd: number): void {
  const linger = Buffer.alloc(8);
  linger.writeInt32LE(1, 0);
  setSocketOption(fd, SOL_SOCKET, SO_LINGER, linger);
  closeSync(fd);
}

function unlessLater(result: number, syscall: string): number | undefined {
  if (result >= 0) return result;
  const errno = koffi.errno();
  if (errno === EAGAIN || errno === EINPROGRESS) return undefined;
  throw new SystemCallError(syscall, errno);
}
