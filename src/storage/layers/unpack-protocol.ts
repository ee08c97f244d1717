import type { Unpacked } from './unpack-layer.ts';

/** To the thread that unpacks: one layer after the other. */
export type ToWorker =
  | { readonly kind: 'begin'; readonly directory: string }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  /** The source failed, or nobody wants the layer any more. */
  | { readonly kind: 'abort' };

export type FromWorker =
  /** So many bytes sent have been taken; `grown` is how much longer the tar is since the last time. */
  | { readonly kind: 'taken'; readonly bytes: number; readonly grown: number }
  | { readonly kind: 'done'; readonly unpacked: Unpacked }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** An error that crosses threads. */
export interface Failure {
  readonly message: string;
  /** Of errors that users know. */
  readonly code?: string;
  readonly errno?: string;
}
