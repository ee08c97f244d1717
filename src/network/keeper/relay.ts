import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { createServer, isIPv6 } from 'node:net';
import { closeSocket, duplicate } from '../../linux/index.ts';
import type { PumpThread, Target } from './pump-thread.ts';
import { descriptorOfSocket } from './pump-thread.ts';

/** A UDP client that is silent for so long is forgotten. */
const UDP_IDLE_MS = 90_000;
let relays = 0;

export interface Relay extends AsyncDisposable {}

/**
 * Passes on what arrives at a bound socket to a container: for addresses from which the kernel cannot forward to it (`::1`, and
 * IPv6 to a container without IPv6). Takes over the descriptor; disposing it ends the connections too.
 */
export async function openRelay(fd: number, protocol: 'tcp' | 'udp', target: Target, pump: PumpThread): Promise<Relay> {
  return protocol === 'tcp' ? openTcpRelay(fd, target, pump) : openUdpRelay(fd, target);
}

/**
 * This process waits for the first connection only: then the thread takes over, with all that follow, until it has had nothing
 * to do for a while.
 */
async function openTcpRelay(fd: number, target: Target, pump: PumpThread): Promise<Relay> {
  const relayId = ++relays;
  let waiting: Server | undefined;
  let isOver = false;
  const wait = async () => {
    if (isOver) return;
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (client) => {
      client.on('error', () => undefined);
      const descriptor = descriptorOfSocket(client);
      if (descriptor !== undefined) pump.carry(relayId, descriptor, target);
      // The thread has a descriptor of its own: this one goes without a word to the other side.
      client.destroy();
      if (waiting !== server || isOver) return;
      waiting = undefined;
      pump.listen(relayId, fd, target, () => void wait());
      server.close();
    });
    server.on('error', () => undefined);
    waiting = server;
    const listening = once(server, 'listening');
    server.listen({ fd: duplicate(fd) });
    await listening;
  };
  await wait();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      const server = waiting;
      const closed = server === undefined ? undefined : once(server, 'close');
      server?.close();
      await pump.endRelay(relayId);
      await closed;
      closeSocket(fd);
    },
  };
}

async function openUdpRelay(fd: number, target: Target): Promise<Relay> {
  const server = createSocket('udp6');
  const upstreams = new Map<string, { socket: DatagramSocket; timer: NodeJS.Timeout }>();
  server.on('error', () => undefined);
  server.on('message', (data: Buffer, from: RemoteInfo) => {
    const key = `${from.address} ${from.port}`;
    let upstream = upstreams.get(key);
    if (upstream === undefined) {
      const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
      const forget = () => {
        if (upstreams.delete(key)) socket.close();
      };
      upstream = { socket, timer: setTimeout(forget, UDP_IDLE_MS).unref() };
      upstreams.set(key, upstream);
      socket.on('error', forget);
      socket.on('message', (answer) => server.send(answer, from.port, from.address, () => undefined));
    }
    upstream.timer.refresh();
    upstream.socket.send(data, target.port, target.address, () => undefined);
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
