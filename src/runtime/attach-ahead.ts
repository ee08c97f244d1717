import type { Socket } from 'node:net';
import { openConnection } from './monitor-client.ts';
import type { Opened, Opening } from './monitor/protocol.ts';

type Connection = Promise<{ readonly socket: Socket; readonly opened: Opened }>;

/** How long a connection waits for whom it was made. */
const AHEAD_MS = 1000;

/** Connections to the monitor that are made before they are asked for, which then is one way to it and back less. */
export class AttachAhead {
  readonly #ready = new Map<string, { readonly connection: Connection; readonly late: NodeJS.Timeout }>();

  open(path: string, opening: Opening): void {
    const key = JSON.stringify(opening);
    const connection = openConnection(path, opening);
    const drop = (): void => {
      this.#ready.delete(key);
      connection.then(
        ({ socket }) => socket.destroy(),
        () => undefined,
      );
    };
    connection.catch(() => this.#ready.delete(key));
    this.#ready.set(key, { connection, late: setTimeout(drop, AHEAD_MS) });
  }

  /** The connection for just this, if it was made ahead and nobody has had it. */
  take(opening: Opening): Connection | undefined {
    const key = JSON.stringify(opening);
    const found = this.#ready.get(key);
    if (found === undefined) return undefined;
    clearTimeout(found.late);
    this.#ready.delete(key);
    return found.connection;
  }
}
