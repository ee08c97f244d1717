import type { Socket } from 'node:net';
import { frameHeader, STREAM } from '../../core/frames.ts';
import type { AttachOptions } from '../contract.ts';

/** A client may be this far behind before the process is held up for it. */
const BEHIND_BYTES = 1024 * 1024;

export interface Attacher {
  readonly socket: Socket;
  readonly options: AttachOptions;
  readonly tty: boolean;
}

/** The clients attached to one process. Each gets every byte, the slowest sets the pace. */
export class Attachers {
  readonly #clients = new Set<Attacher>();
  readonly #slow = new Set<Attacher>();
  readonly #hold: (held: boolean) => void;

  /** @param hold told `true` when somebody is too far behind, `false` when all have caught up */
  constructor(hold: (held: boolean) => void) {
    this.#hold = hold;
  }

  add(client: Attacher): void {
    this.#clients.add(client);
    client.socket.on('drain', () => this.#caughtUp(client));
    client.socket.once('close', () => {
      this.#clients.delete(client);
      this.#caughtUp(client);
    });
  }

  /** `chunk` may be used again by the caller when this returns. */
  deliver(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#clients.size === 0) return;
    let copy: Buffer | undefined;
    for (const client of this.#clients) {
      if (!client.options[stream] || client.options.stream === false || client.socket.destroyed) continue;
      copy ??= Buffer.from(chunk);
      if (!client.tty) client.socket.write(frameHeader(STREAM[stream], copy.length));
      client.socket.write(copy);
      if (client.socket.writableLength > BEHIND_BYTES && !this.#slow.has(client)) {
        this.#slow.add(client);
        this.#hold(true);
      }
    }
  }

  /** Everybody gets what is under way to him, then the end. */
  end(): void {
    for (const client of this.#clients) client.socket.end();
    this.#clients.clear();
  }

  #caughtUp(client: Attacher): void {
    if (this.#slow.delete(client) && this.#slow.size === 0) this.#hold(false);
  }
}
