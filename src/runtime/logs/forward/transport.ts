import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getSystemErrorMap } from 'node:util';
import { errnoOf } from '../../../core/errors.ts';
import { UnixDatagram } from '../../../linux/index.ts';
import type { LogForward, SyslogAddress, SyslogTls } from './target.ts';

/** Where syslog listens on a machine, in the order in which they are tried. */
const LOCAL_SOCKETS = ['/dev/log', '/var/run/syslog', '/var/run/log'];

const DATAGRAM_ROOM_BYTES = 1 << 20;
/** How long a full receiver is left alone: its queue is short and it is woken by each message. */
const FULL_WAIT_MS = 2;
const CONNECT_MS = 10_000;

/** An open way to a receiver. */
export interface LogTransport {
  /** Hands over messages, in order; resolves to how many. Fewer than all: the rest must wait. Rejects when the way is lost. */
  send(messages: readonly Buffer[]): Promise<number>;
  close(): void;
}

/** @throws {Error} if nobody listens there */
export async function openTransport(target: LogForward): Promise<LogTransport> {
  if (target.kind === 'journald') return datagrams(target.socket);
  return await syslogTransport(target.address, target.tls);
}

/** Whether somebody listens there; of UDP nobody can tell. @throws {Error} why not */
export async function tryReceiver(target: LogForward): Promise<void> {
  (await openTransport(target)).close();
}

async function syslogTransport(address: SyslogAddress, tls: SyslogTls | undefined): Promise<LogTransport> {
  switch (address.transport) {
    case 'local':
      return await firstOf(LOCAL_SOCKETS);
    case 'unixgram':
      return datagrams(address.path);
    case 'unix':
      return await unixStream(address.path);
    case 'udp':
      return udp(address.host, address.port);
    case 'tcp':
      return stream(await connected(connectTcp({ host: address.host, port: address.port }), 'connect', tcp(address)));
    case 'tcp+tls':
      return stream(await connectedByTls(address, tls));
  }
}

async function firstOf(paths: readonly string[]): Promise<LogTransport> {
  for (const path of paths) {
    try {
      return datagrams(path);
    } catch (e) {
      if (errnoOf(e) === 'EPROTOTYPE') return await unixStream(path);
    }
  }
  throw new Error('Unix syslog delivery error');
}

function datagrams(path: string): LogTransport {
  const socket = new UnixDatagram(path, DATAGRAM_ROOM_BYTES);
  return {
    async send(messages) {
      let sent = 0;
      for (const message of messages) {
        if (!socket.send(message)) {
          await sleep(FULL_WAIT_MS);
          return sent;
        }
        sent++;
      }
      return sent;
    },
    close: () => socket.close(),
  };
}

/** `unix` means a stream, yet most syslog sockets take datagrams: whichever it is. */
async function unixStream(path: string): Promise<LogTransport> {
  try {
    return stream(await connected(connectTcp({ path }), 'connect', `unix ${path}`));
  } catch (e) {
    if (errnoOf(e) !== 'EPROTOTYPE') throw e;
    return datagrams(path);
  }
}

/** Nobody can tell whether what is sent by UDP arrives. */
function udp(host: string, port: number): LogTransport {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  socket.on('error', () => undefined);
  return {
    async send(messages) {
      for (const message of messages) {
        await new Promise<void>((resolve, reject) => {
          socket.send(message, port, host, (e) => (e === null ? resolve() : reject(e)));
        });
      }
      return messages.length;
    },
    close: () => socket.close(),
  };
}

function stream(socket: Socket): LogTransport {
  let lost: Error | undefined;
  const lose = (e?: Error): void => {
    lost ??= e ?? new Error('the syslog server has closed the connection');
  };
  socket.on('error', lose).on('close', () => lose());
  // Nothing is expected; but only who reads learns that the other side has gone.
  socket.on('end', () => lose()).resume();
  return {
    send(messages) {
      return new Promise((resolve, reject) => {
        if (lost !== undefined) {
          reject(lost);
          return;
        }
        const onClose = (): void => reject(lost ?? new Error('closed'));
        socket.once('close', onClose);
        socket.write(Buffer.concat(messages), (e) => {
          socket.off('close', onClose);
          if (e === null || e === undefined) resolve(messages.length);
          else reject(e);
        });
      });
    },
    close: () => socket.destroySoon(),
  };
}

async function connectedByTls(
  { host, port }: { readonly host: string; readonly port: number },
  files: SyslogTls | undefined,
): Promise<Socket> {
  const { connect } = await import('node:tls');
  const { caFile, certFile, keyFile, skipVerify = false } = files ?? {};
  const socket = connect({
    host,
    port,
    ...(caFile === undefined ? {} : { ca: pemFile(caFile) }),
    ...(certFile === undefined ? {} : { cert: pemFile(certFile) }),
    ...(keyFile === undefined ? {} : { key: pemFile(keyFile) }),
    rejectUnauthorized: !skipVerify,
  });
  return await connected(socket, 'secureConnect', tcp({ host, port }));
}

function pemFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`cannot read the syslog TLS file ${path}: ${wordsOf(cause as Error).replace(/^connect: /, '')}`, {
      cause,
    });
  }
}

/** Waits for a connection. @throws {Error} worded as Docker's, `dial tcp HOST:PORT: connect: connection refused` */
function connected(socket: Socket, event: 'connect' | 'secureConnect', about: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('i/o timeout')), CONNECT_MS);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      reject(Object.assign(new Error(`dial ${about}: ${wordsOf(cause)}`, { cause }), { code: errnoOf(cause) }));
    };
    socket.once('error', fail);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function tcp({ host, port }: { readonly host: string; readonly port: number }): string {
  return `tcp ${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function wordsOf(error: Error): string {
  const { errno } = error as NodeJS.ErrnoException;
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  // Of a certificate Node goes on with advice for its own users.
  return words === undefined ? (error.message.split(';')[0] ?? '') : `connect: ${words}`;
}
