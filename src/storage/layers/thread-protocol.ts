import type { WharfError } from '../../core/errors.ts';
import { badLayer } from '../errors.ts';
import type { RingMemory } from './ring.ts';
import type { TarRecipe } from './remake.ts';
import type { Unpacked, UnpackTarget } from './unpack-layer.ts';

/** To a thread, one layer after the other. The compressed bytes go through the ring, in or out. */
export type ToThread =
  | { readonly kind: 'unpack'; readonly ring: RingMemory; readonly target: UnpackTarget }
  | { readonly kind: 'compress'; readonly ring: RingMemory; readonly recipe: TarRecipe };

export type FromThread =
  | { readonly kind: 'unpacked'; readonly unpacked: Unpacked }
  | { readonly kind: 'compressed' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** An error that crosses threads. */
export interface Failure {
  readonly message: string;
  /** Of errors that users know. */
  readonly code?: string;
  readonly errno?: string;
}

export function revive({ message, code, errno }: Failure): Error | WharfError {
  if (code === badLayer.code) return badLayer({ why: message });
  return Object.assign(new Error(message), errno === undefined ? {} : { code: errno });
}
