import type { ChainId, DiffId, Digest } from '../../core/digest.ts';
import type { Logger } from '../../core/log.ts';
import type { Reference } from '../../core/reference.ts';
import type { ProgressMessage, RegistryAuth } from '../../core/wire/resources.ts';
import type { LayerStore } from '../../storage/index.ts';
import type { Events, Image } from '../contract.ts';
import type { Catalog } from './catalog.ts';
import { notPulled } from './errors.ts';
import type { Holds } from './holds.ts';

export interface TransferParts {
  readonly catalog: Catalog;
  readonly layers: LayerStore;
  readonly holds: Holds;
  readonly log: Logger;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly publish: Events['publish'];
  readonly tag: (reference: Reference, id: Digest) => void;
}
export interface PullParts extends TransferParts {
  readonly register: (configText: string, chain: readonly ChainId[]) => Image;
  readonly applyLayer: (
    parent: ChainId | null,
    tar: AsyncIterable<Uint8Array>,
    expect: DiffId,
    signal: AbortSignal,
  ) => Promise<ChainId>;
}

export async function pullImage(
  _parts: PullParts,
  request: {
    readonly reference: string;
    readonly tag: string;
    readonly platform?: string | undefined;
    readonly auth: RegistryAuth | undefined;
  },
  _onMessage: (m: ProgressMessage) => void,
  _signal: AbortSignal,
): Promise<void> {
  throw notPulled({
    why: `pull access denied for ${request.reference}, repository does not exist or may require 'docker login'`,
  });
}
