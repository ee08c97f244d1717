import type { Builder } from '../build/index.ts';
import type { Logger } from '../core/log.ts';
import type { Engine } from '../engine/index.ts';

export interface ApiOptions {
  readonly engine: Engine;
  readonly builder: Builder;
  readonly log: Logger;
}

/** The Engine API over HTTP, on any number of listeners. */
export interface ApiServer extends AsyncDisposable {
  /** `unix:///path` or `tcp://ip:port`; resolves when it accepts connections, with the address in effect. */
  listen(address: string, options?: { readonly group?: string | undefined }): Promise<string>;
  /** Takes no new requests, lets running ones end for `graceMs` milliseconds, then cuts them. */
  close(graceMs: number): Promise<void>;
}
