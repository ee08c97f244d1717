import { closeSync, rmSync } from 'node:fs';
import koffi from 'koffi';
import { callOnThread, check, libc } from './ffi.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SHUT_RDWR = 2;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const TIOCSWINSZ = 0x5414;
const TIOCGPTN = 0x80045430;
const SUN_PATH_BYTES = 108;

const socketCall = libc.func('int socket(int domain, int type, int protocol)');
const bindCall = libc.func('int bind(int fd, const void *address, uint32_t length)');
const listenCall = libc.func('int listen(int fd, int backlog)');
const acceptCall = libc.func('int accept4(int fd, void *address, void *length, int flags)');
const recvmsgCall = libc.func('long recvmsg(int fd, void *message, int flags)');
const shutdownCall = libc.func('int shutdown(int fd, int how)');
const ioctlCall = libc.func('int ioctl(int fd, unsigned long request, const void *argument)');

/** Sets a terminal's size; the foreground processes get SIGWINCH. @throws {SystemCallError} */
export function setWindowSize(fd: number, size: { readonly rows: number; readonly columns: number }): void {
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(size.rows, 0);
  winsize.writeUInt16LE(size.columns, 2);
  check(ioctlCall(fd, TIOCSWINSZ, winsize), 'ioctl TIOCSWINSZ');
}

/** The number of the terminal (`/dev/pts/N`, in its own devpts) whose master side this is. `undefined`: it is none. */
export function terminalNumber(fd: number): number | undefined {
  const number = Buffer.alloc(4);
  return ioctlCall(fd, TIOCGPTN, number) < 0 ? undefined : number.readUInt32LE(0);
}

/**
 * The socket on which an OCI runtime hands over the master side of a container's terminal (runc's docs/terminals.md).
 * Closing it ends a `receive` that waits.
 */
export class ConsoleSocket {
  readonly path: string;
  #fd: number;
  #received: Promise<number> | undefined;

  /** @param path absolute, at most 107 bytes: the kernel's limit for a socket's name */
  constructor(path: string) {
    const name = Buffer.from(path);
    if (name.length >= SUN_PATH_BYTES) throw new Error(`console socket path is too long: ${path}`);
    const address = Buffer.alloc(2 + SUN_PATH_BYTES);
    address.writeUInt16LE(AF_UNIX, 0);
    name.copy(address, 2);
    this.path = path;
    this.#fd = check(socketCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket');
    try {
      check(bindCall(this.#fd, address, address.length), 'bind', path);
      check(listenCall(this.#fd, 1), 'listen', path);
    } catch (e) {
      closeSync(this.#fd);
      throw e;
    }
  }

  /** The terminal's master side, once the runtime has sent it. The caller closes it. Rejects when closed before. */
  receive(): Promise<number> {
    this.#received ??= receiveOn(this.#fd);
    return this.#received;
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    rmSync(this.path, { force: true });
    shutdownCall(fd, SHUT_RDWR);
    // A thread may still be inside accept(2) on it: the number must not be used again before that one is back.
    const closed = (): void => closeSync(fd);
    if (this.#received === undefined) closed();
    else this.#received.then(closed, closed);
  }
}

async function receiveOn(listener: number): Promise<number> {
  const connection = await callOnThread(acceptCall, [listener, null, null, SOCK_CLOEXEC], 'accept');
  try {
    const name = Buffer.alloc(4096);
    const control = Buffer.alloc(64);
    const iov = Buffer.alloc(16);
    iov.writeBigUInt64LE(BigInt(koffi.address(name)), 0);
    iov.writeBigUInt64LE(BigInt(name.length), 8);
    const message = Buffer.alloc(56); // struct msghdr of 64-bit Linux
    message.writeBigUInt64LE(BigInt(koffi.address(iov)), 16);
    message.writeBigUInt64LE(1n, 24);
    message.writeBigUInt64LE(BigInt(koffi.address(control)), 32);
    message.writeBigUInt64LE(BigInt(control.length), 40);
    const got = await callOnThread(recvmsgCall, [connection, message, MSG_CMSG_CLOEXEC], 'recvmsg');
    const length = message.readBigUInt64LE(40);
    if (got <= 0 || length < 20n || control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) {
      throw new Error('the runtime sent no terminal');
    }
    // Named here once more: the collector must not take what only the kernel's structures point to.
    void name.length;
    void iov.length;
    return control.readInt32LE(16);
  } finally {
    closeSync(connection);
  }
}
