import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';

/** Of a container's answer, read at once. */
const CHUNK_BYTES = 256 * 1024;
/** A UDP client that is silent for so long is forgotten. */
const UDP_IDLE_MS = 90_000;

export interface Relay extends AsyncDisposable {}

/**
 * Passes on what arrives at a bound socket to a container: for addresses from which the kernel cannot forward to it (IPv6 to
 * a container without IPv6). Takes over the descriptor; disposing it ends the connections too.
 */
export async function openRelay(
  fd: number,
  protocol: 'tcp' | 'udp',
  target: { readonly address: string; readonly port: number },
): Promise<Relay> {
  return protocol === 'tcp' ? openTcpRelay(fd, target) : openUdpRelay(fd, target);
}

async function openTcpRelay(fd: number, target: { address: string; port: number }): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({
      host: target.address,
      port: target.port,
      allowHalfOpen: true,
      noDelay: true,
      // What containers send is mostly the bulk: read into one large buffer, again and again, and passed on without a stream
      // in between.
      onread: {
        buffer: Buffer.allocUnsafeSlow(CHUNK_BYTES),
        callback: (length, buffer) => {
          client.write(Uint8Array.prototype.subarray.call(buffer, 0, length), () => upstream.resume());
          // Written at once, as far as the kernel is concerned: the buffer is free again.
          return client.writableLength === 0;
        },
      },
    });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    }
    // A container that refuses is seen as a refusal by the client too, as far as an accepted connection can show it.
    upstream.once('error', () => client.resetAndDestroy());
    client.once('error', () => upstream.destroy());
    pipeline(client, upstream, () => undefined);
    upstream.once('end', () => client.end());
    client.once('close', () => upstream.destroy());
  });
  const listening = once(server, 'listening');
  server.listen({ fd });
  await listening;
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

async function openUdpRelay(fd: number, target: { address: string; port: number }): Promise<Relay> {
  const server = createSocket('udp6');
  const upstreams = new Map<string, { socket: DatagramSocket; timer: NodeJS.Timeout }>();
  server.on('error', () => undefined);
  server.on('message', (data: Buffer, from: RemoteInfo) => {
    const key = `${from.address} ${from.port}`;
    let upstream = upstreams.get(key);
    if (upstream === undefined) {
      const socket = createSocket('udp4');
      const forget = () => {
        if (upstreams.delete(key)) socket.close();
      };
      upstream = { socket, timer: setTimeout(forget, UDP_IDLE_MS).unref() };
      upstreams.set(key, upstream);
      socket.on('error', forget);
      socket.on('message', (answer) => server.send(answer, from.port, from.address));
    }
    upstream.timer.refresh();
    upstream.socket.send(data, target.port, target.address);
  });
  const listening = once(server, 'listening');
  server.bind({ fd });
  await listening;
  return {
    async [Symbol.asyncDispose]() {
      for (const { socket, timer } of upstreams.values()) {
        clearTimeout(timer);
        socket.close();
      }
      upstreams.clear();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
