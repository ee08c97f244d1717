import type { Socket } from 'node:net';
import { openConnection } from './monitor-client.ts';
import type { Opened, Opening } from './monitor/protocol.ts';

type Connection = Promise<{ readonly socket: Socket; readonly opened: Opened }>;
type AttachOpening = Extract<Opening, { readonly kind: 'attach' }>;

interface Ready {
  readonly containerId: string;
  readonly connection: Connection;
  readonly late: NodeJS.Timeout;
}

/** How long a connection waits for whom it was made. */
const AHEAD_MS = 1000;

/** Connections to the monitor that are made before they are asked for, which then is one way to it and back less. */
export class AttachAhead {
  readonly #ready = new Map<string, Ready>();

  /** @param monitor tells one monitor from the next: what was opened at one that died is of no use */
  open(path: string, opening: AttachOpening, monitor: number): void {
    const key = keyOf(opening, monitor);
    const connection = openConnection(path, opening);
    const late = setTimeout(() => this.#drop(key), AHEAD_MS);
    connection.catch(() => this.#drop(key));
    this.#ready.set(key, { containerId: opening.containerId, connection, late });
  }

  /** The connection for just this, if it was made ahead and nobody has had it. */
  take(opening: AttachOpening, monitor: number): Connection | undefined {
    const key = keyOf(opening, monitor);
    const found = this.#ready.get(key);
    if (found === undefined) return undefined;
    clearTimeout(found.late);
    this.#ready.delete(key);
    return found.connection;
  }

  /** Those of the container itself: what is started now is not held up by one that nobody reads. */
  dropOf(containerId: string): void {
    for (const [key, ready] of this.#ready) if (ready.containerId === containerId) this.#drop(key);
  }

  #drop(key: string): void {
    const found = this.#ready.get(key);
    if (found === undefined) return;
    clearTimeout(found.late);
    this.#ready.delete(key);
    found.connection.then(
      ({ socket }) => socket.destroy(),
      () => undefined,
    );
  }
}

function keyOf(opening: AttachOpening, monitor: number): string {
  return `${monitor} ${JSON.stringify(opening)}`;
}
