import type { ChainId, Digest } from '../../core/digest.ts';
import type { Logger } from '../../core/log.ts';
import type { Reference } from '../../core/reference.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Storage } from '../../storage/index.ts';
import type { Events, Image } from '../contract.ts';
import type { Catalog } from './catalog.ts';
import type { Holds } from './holds.ts';

/** What pull and push stand on. */
export interface TransferParts {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly holds: Holds;
  readonly log: Logger;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly publish: Events['publish'];
}

export interface PullParts extends TransferParts {
  readonly register: (configText: string, chain: readonly ChainId[]) => Image;
  readonly tag: (reference: Reference, id: Digest) => void;
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
