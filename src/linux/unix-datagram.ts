import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { check, libc, SystemCallError } from './ffi.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SUN_PATH_BYTES = 108;
const EAGAIN = 11;
const ENOBUFS = 105;

const socketCall = libc.func('int socket(int domain, int type, int protocol)');
const connectCall = libc.func('int connect(int fd, const void *address, uint32_t length)');
const sendCall = libc.func('long send(int fd, const void *bytes, unsigned long length, int flags)');
const setOptionCall = libc.func('int setsockopt(int fd, int level, int option, const void *value, uint32_t length)');

/** A connected datagram socket of the local machine, as syslog and journald listen on; Node has none of its own. Never waits. */
export class UnixDatagram {
  #fd: number;

  /**
   * @param path of the socket to send to, absolute, at most 107 bytes
   * @param sendBytes room for what the receiver has not taken yet
   * @throws {SystemCallError} `ENOENT`, `ECONNREFUSED` (nobody listens), `EPROTOTYPE` (it is no datagram socket)
   */
  constructor(path: string, sendBytes: number) {
    const name = Buffer.from(path);
    if (name.length >= SUN_PATH_BYTES) throw new Error(`socket path is too long: ${path}`);
    const address = Buffer.alloc(2 + SUN_PATH_BYTES);
    address.writeUInt16LE(AF_UNIX, 0);
    name.copy(address, 2);
    this.#fd = check(socketCall(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket');
    const room = Buffer.alloc(4);
    room.writeInt32LE(sendBytes, 0);
    setOptionCall(this.#fd, SOL_SOCKET, SO_SNDBUF, room, room.length);
    try {
      check(connectCall(this.#fd, address, address.length), 'connect', path);
    } catch (e) {
      this.close();
      throw e;
    }
  }

  /** `false`: the receiver is behind, try again later. @throws {SystemCallError} when it has gone (`ECONNREFUSED`) */
  send(message: Uint8Array): boolean {
    if (sendCall(this.#fd, message, message.length, MSG_NOSIGNAL) >= 0) return true;
    const errno = koffi.errno();
    if (errno === EAGAIN || errno === ENOBUFS) return false;
    throw new SystemCallError('send', errno);
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
