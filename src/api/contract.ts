import type { Builder } from '../build/index.ts';
import type { Logger } from '../core/log.ts';
import type { Engine } from '../engine/index.ts';

export interface ApiOptions {
  readonly engine: Engine;
  readonly builder: Builder;
  readonly log: Logger;
  /** Somebody has connected: mostly to have something done within some milliseconds. */
  readonly onConnection?: (() => void) | undefined;
}

export interface ListenOptions {
  /** Group that may use a unix socket. */
  readonly group?: string | undefined;
  /** For tcp addresses: PEM texts. With `ca` clients must show a certificate that it signed. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string | undefined } | undefined;
  /** Plain TCP beyond this machine makes whoever reaches it root here: it is refused unless this is said. */
  readonly allowPlainTcp?: boolean | undefined;
}

/** The Engine API over HTTP, on any number of listeners. */
export interface ApiServer extends AsyncDisposable {
  /**
   * `unix:///path`, `tcp://ip:port`, or `fd://` for the sockets that systemd hands over; resolves when it accepts connections,
   * with the address in effect. @throws {WharfError} `INSECURE_ADDRESS`, `CANNOT_LISTEN`, `SOCKET_IN_USE`
   */
  listen(address: string, options?: ListenOptions): Promise<string>;
  /** Takes no new requests, lets running ones end for `graceMs` milliseconds, then cuts them. */
  close(graceMs: number): Promise<void>;
}
