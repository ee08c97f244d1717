import type { RingMemory } from './ring.ts';
import type { Unpacked, UnpackTarget } from './unpack-layer.ts';

/** To the thread that unpacks, one layer after the other: the layer's bytes are in the ring. */
export interface ToWorker {
  readonly target: UnpackTarget;
  readonly ring: RingMemory;
}

export type FromWorker =
  | { readonly kind: 'done'; readonly unpacked: Unpacked }
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** An error that crosses threads. */
export interface Failure {
  readonly message: string;
  /** Of errors that users know. */
  readonly code?: string;
  readonly errno?: string;
}
