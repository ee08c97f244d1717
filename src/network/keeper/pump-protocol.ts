/** A connection for the thread to serve, or a socket to take such from: a descriptor of this process that becomes the thread's, and where it leads. */
export interface Handed {
  readonly relayId: number;
  readonly fd: number;
  readonly address: string;
  readonly port: number;
}

/** What the thread is told. After each message a byte goes through `wakeFd`'s pipe. */
export type ToPump =
  | { readonly connection: Handed }
  | { readonly listener: Handed }
  | { readonly endRelay: number }
  | { readonly end: true };

/** What the thread tells: a relay's connections and its listening socket are closed. */
export interface FromPump {
  readonly endedRelay: number;
}

export interface PumpStart {
  /** The reading end of a pipe. */
  readonly wakeFd: number;
  /** One number: messages sent to the thread and not taken up, or `GONE` once it takes none any more. */
  readonly unread: SharedArrayBuffer;
}

export const GONE = -1;
