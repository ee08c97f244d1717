import type { ChainId, Digest } from '../../core/digest.ts';
import type { Logger } from '../../core/log.ts';
import type { Reference } from '../../core/reference.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Storage } from '../../storage/index.ts';
import type { Events, Image, Transfers } from '../contract.ts';
import type { Arrivals } from './arrivals.ts';
import type { Catalog } from './catalog.ts';
import type { Holds } from './holds.ts';

/** What all that brings images stands on. */
export interface ImageParts {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly holds: Holds;
  readonly arrivals: Arrivals;
  readonly log: Logger;
  readonly transfers: Transfers;
  readonly publish: Events['publish'];
  /** Removes layers that were brought for an image that will not be, as far as nobody else needs them. */
  readonly release: (chain: readonly ChainId[]) => Promise<void>;
}

export interface PullParts extends ImageParts {
  /** Adds an image that was made elsewhere. */
  readonly register: (configText: string, chain: readonly ChainId[]) => Image;
  /** Gives the image that had the name until now. */
  readonly tag: (reference: Reference, id: Digest) => Digest | undefined;
}

export interface MakeParts extends ImageParts, Pick<PullParts, 'tag'> {
  /** Adds an image that was made here, and tells of it. */
  readonly make: (configText: string, chain: readonly ChainId[], parent: Digest | undefined) => Image;
}

export type OnMessage = (m: ProgressMessage) => void;

/** Passes a stream on and tells how far it is, at most ten times a second, and at the end. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  tell: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let told = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    yield chunk;
    if (Date.now() - told < 100) continue;
    told = Date.now();
    tell(bytes);
  }
  tell(bytes);
}
