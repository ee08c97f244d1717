import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { check, libc } from './ffi.ts';

const AF_UNIX = 1;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** Much may happen in one go; what does not fit is lost, and said so (`ENOBUFS`). */
const BUFFER_BYTES = 4 * 1024 * 1024;
const HEADER_BYTES = 16;

const socket = libc.func('int socket(int domain, int type, int protocol)');
const socketpair = libc.func('int socketpair(int domain, int type, int protocol, void *fds)');
const bind = libc.func('int bind(int fd, void *address, uint32_t length)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');
const dup3 = libc.func('int dup3(int from, int to, int flags)');

/**
 * Tells each message that the kernel sends to a multicast group of netlink, in this thread's network namespace: its type, and
 * what follows the netlink header. Does not keep the process alive. `onLost`: more happened at once than the kernel kept for
 * us; nothing more will be told.
 * @throws {SystemCallError}
 */
export function watchNetlink(
  protocol: number,
  group: number,
  onMessage: (type: number, body: Buffer) => void,
  onLost: (why: string) => void,
): Disposable {
  const stream = openStream(protocol, group);
  stream.on('data', (data: Buffer) => {
    for (let at = 0; at + HEADER_BYTES <= data.length; ) {
      const size = data.readUInt32LE(at);
      if (size < HEADER_BYTES) break;
      onMessage(data.readUInt16LE(at + 4), data.subarray(at + HEADER_BYTES, at + size));
      at += (size + 3) & ~3;
    }
  });
  stream.on('error', (error) => onLost(error.message));
  stream.unref();
  return { [Symbol.dispose]: () => void stream.destroy() };
}

/**
 * A netlink socket as a stream of Node's, which knows no such kind: it is given one end of a pair of ordinary sockets, and
 * before it first waits for that the netlink socket takes the descriptor's place.
 */
function openStream(protocol: number, group: number): Socket {
  const netlink = check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), 'socket');
  try {
    setsockopt(netlink, SOL_SOCKET, SO_RCVBUFFORCE, u32(BUFFER_BYTES), 4);
    // The kernel tells only sockets that have an address, which it chooses.
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    check(bind(netlink, address, address.length), 'bind');
    check(setsockopt(netlink, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, u32(group), 4), 'setsockopt');
    const pair = Buffer.alloc(8);
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 'socketpair');
    const fd = pair.readInt32LE(0);
    closeSync(pair.readInt32LE(4));
    const stream = new Socket({ fd, readable: true, writable: false });
    check(dup3(netlink, fd, SOCK_CLOEXEC), 'dup3');
    return stream;
  } finally {
    closeSync(netlink);
  }
}

function u32(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value, 0);
  return data;
}
