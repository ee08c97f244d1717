import { isIPv6 } from 'node:net';
import koffi from 'koffi';
import { SystemCallError, check, libc } from './ffi.ts';
import { addressBytes } from './inet-address.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const IPPROTO_SCTP = 132;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

const socket = libc.func('int socket(int domain, int type, int protocol)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');
const bind = libc.func('int bind(int fd, void *address, uint32_t length)');
const listen = libc.func('int listen(int fd, int backlog)');
const getsockname = libc.func('int getsockname(int fd, void *address, void *length)');
const close = libc.func('int close(int fd)');

export interface BoundSocket {
  readonly fd: number;
  /** The port in effect. */
  readonly port: number;
}

export interface BindOptions {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly address: string;
  /** 0: the kernel chooses. */
  readonly port: number;
  /** Pending connections for tcp and sctp; `undefined`: the system's maximum. */
  readonly backlog?: number | undefined;
  /** Receive buffer in bytes: small for a socket that only holds its port. */
  readonly receiveBufferBytes?: number | undefined;
}

/**
 * A bound socket (listening, for tcp and sctp) in the network namespace of this thread, non-blocking and closed on exec. An
 * IPv6 one takes no IPv4 connections.
 * @throws {SystemCallError} `EADDRINUSE`, `EADDRNOTAVAIL`, `EPROTONOSUPPORT`
 */
export function bindInetSocket(options: BindOptions): BoundSocket {
  const v6 = isIPv6(options.address);
  const type = (options.protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC_NONBLOCK;
  const about = `${v6 ? `[${options.address}]` : options.address}:${options.port}/${options.protocol}`;
  const fd = check(
    socket(v6 ? AF_INET6 : AF_INET, type, options.protocol === 'sctp' ? IPPROTO_SCTP : 0),
    'socket',
    about,
  );
  try {
    // Old connections in TIME_WAIT must not keep the port; for datagrams the option would mean sharing it.
    if (options.protocol !== 'udp') setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (v6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (options.receiveBufferBytes !== undefined)
      setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, options.receiveBufferBytes);
    const address = encodeAddress(options.address, options.port);
    check(bind(fd, address, address.length), 'bind', about);
    if (options.protocol !== 'udp') check(listen(fd, options.backlog ?? 4096), 'listen', about);
    return { fd, port: boundPort(fd) };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * A socket without address in the network namespace of this thread, non-blocking and closed on exec, to connect from there.
 * @throws {SystemCallError}
 */
export function openInetSocket(protocol: 'tcp' | 'udp', family: 4 | 6): number {
  const type = (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC_NONBLOCK;
  return check(socket(family === 6 ? AF_INET6 : AF_INET, type, 0), 'socket', protocol);
}

/** Closes a socket that no object of Node owns. */
export function closeSocket(fd: number): void {
  if (close(fd) !== 0 && koffi.errno() === 9) throw new SystemCallError('close', 9, `fd ${fd}`);
}

/** @throws {SystemCallError} */
export function setSocketOption(fd: number, level: number, name: number, value: number | Buffer): void {
  const data = Buffer.isBuffer(value) ? value : Buffer.alloc(4);
  if (!Buffer.isBuffer(value)) data.writeInt32LE(value, 0);
  check(setsockopt(fd, level, name, data, data.length), 'setsockopt');
}

function boundPort(fd: number): number {
  const address = Buffer.alloc(28);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length, 0);
  check(getsockname(fd, address, length), 'getsockname');
  return address.readUInt16BE(2);
}

/** A `sockaddr` of IPv4 or IPv6. */
export function encodeAddress(address: string, port: number): Buffer {
  const v6 = isIPv6(address);
  const out = Buffer.alloc(v6 ? 28 : 16);
  out.writeUInt16LE(v6 ? AF_INET6 : AF_INET, 0);
  out.writeUInt16BE(port, 2);
  addressBytes(address).copy(out, v6 ? 8 : 4);
  return out;
}
