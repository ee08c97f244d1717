import { finished, type Duplex } from 'node:stream';

/** What a taken-over connection says before its bytes belong to the container. */
export interface HijackHead {
  readonly contentType: string;
  /** Said when the client did not ask for an upgrade, whatever the payload is. */
  readonly plainContentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is spoken from here on; `tcp` unless set. */
  readonly protocol?: string;
}

/** Turns a request's connection into a plain two-way stream. */
export interface Hijacker {
  /** Whether the client asked for `101 Switching Protocols`. */
  readonly upgraded: boolean;
  /** Reads the JSON body where the HTTP parser could not; absent where it can. */
  readonly body?: (() => Promise<unknown>) | undefined;
  /** Passes over a body that means nothing here (dockerode sends one with attach), so that it is not taken for stdin. */
  skipBody(): Promise<void>;
  /** Writes the head and hands over the connection. After this the response object is of no use. */
  take(head: HijackHead): Duplex;
  /** Hands over the connection with nothing said yet: the protocol that follows has a head of its own. */
  seize(): Duplex;
  /** Answers with a status and plain text over the raw connection, and closes it. */
  refuse(status: number, text: string): void;
}

/** How long a client may keep its half of a connection open after everything was said to it. */
const LINGER_MS = 10_000;

/**
 * Joins a client's connection with a container's stdio until the container's side ends. The client's end of writing is the
 * end of stdin; a client that goes only detaches.
 */
export function joinStreams(connection: Duplex, stdio: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (connection.destroyed) {
      stdio.destroy();
      resolve();
      return;
    }
    stdio.pipe(connection, { end: false });
    connection.pipe(stdio);
    // A container that reads no more must not break the connection it still writes to.
    stdio.on('error', () => undefined);
    connection.on('error', () => undefined);
    const outputDone = () => {
      connection.unpipe(stdio);
      connection.resume();
      connection.end();
      const timer = setTimeout(() => connection.destroy(), LINGER_MS);
      timer.unref();
      connection.once('close', () => clearTimeout(timer));
    };
    stdio.once('end', outputDone);
    finished(stdio, { writable: false }, () => {
      if (!stdio.readableEnded) outputDone();
      resolve();
    });
    connection.once('close', () => {
      stdio.destroy();
      resolve();
    });
  });
}
