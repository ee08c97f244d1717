import type { Socket } from 'node:net';
import { Duplex, type Readable } from 'node:stream';

/** A live attach connection with recorded output in front of what it delivers. */
export class ReplayThenLive extends Duplex {
  readonly #replay: Readable;
  readonly #live: Socket;

  constructor(replay: Readable, live: Socket) {
    super({ allowHalfOpen: true });
    this.#replay = replay;
    this.#live = live;
    replay.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) replay.pause();
    });
    replay.once('error', (e) => this.destroy(e));
    replay.once('end', () => {
      live.on('data', (chunk: Buffer) => {
        if (!this.push(chunk)) live.pause();
      });
      if (live.readableEnded) this.push(null);
      else live.once('end', () => this.push(null));
    });
    live.once('error', (e) => this.destroy(e));
  }

  override _read(): void {
    if (this.#replay.readableEnded) this.#live.resume();
    else this.#replay.resume();
  }
  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#live.write(chunk, done);
  }
  override _final(done: () => void): void {
    this.#live.end(done);
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#replay.destroy();
    this.#live.destroy();
    done(error);
  }
}
