import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, RECURSION_DESIRED } from 'dns-packet';

/** A name that only this server knows, and its address. */
export const OUTSIDE_NAME = 'outside.test';
export const OUTSIDE_ADDRESS = '192.0.2.7';

/** The name server of the harness's own host, which can be gone, or be there and say nothing. */
export class Upstream {
  #socket: Socket | undefined;
  #silent = false;

  async open(): Promise<void> {
    const socket = createSocket('udp4');
    socket.on('message', (packet, peer) => {
      if (this.#silent) return;
      const { id, questions } = decode(packet);
      const [question] = questions ?? [];
      const isKnown = question?.name === OUTSIDE_NAME && question.type === 'A';
      const answers = isKnown ? [{ type: 'A' as const, name: OUTSIDE_NAME, ttl: 0, data: OUTSIDE_ADDRESS }] : [];
      const answer = { type: 'response' as const, id, flags: RECURSION_DESIRED, questions, answers };
      socket.send(encode(answer), peer.port, peer.address);
    });
    socket.bind(53, '127.0.0.1');
    await once(socket, 'listening');
    this.#socket = socket;
    this.#silent = false;
  }

  /** It takes questions and never answers. */
  fallSilent(): void {
    this.#silent = true;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
