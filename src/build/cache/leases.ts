import type { ChainId } from '../../core/digest.ts';
import { hexOf } from '../../core/digest.ts';
import { WharfError } from '../../core/errors.ts';
import type { Storage } from '../../storage/index.ts';

const PREFIX = 'buildcache-';
/** Stages whose layers are kept for later builds though no image has them. */
const MOST = 100;

/**
 * Keeps layers that no image has: the results of stages that others only copy from. Each is held by a snapshot that is never
 * mounted, as the engine removes layers on which nothing stands.
 */
export class LayerLeases {
  readonly #storage: Pick<Storage, 'snapshots' | 'layers'>;

  constructor(storage: Pick<Storage, 'snapshots' | 'layers'>) {
    this.#storage = storage;
  }

  /** Success means "the stack up to `top` stays", until it is the oldest of too many, or `clear`. */
  async keep(top: ChainId): Promise<void> {
    const { snapshots } = this.#storage;
    const key = `${PREFIX}${hexOf(top).slice(0, 32)}`;
    const held = this.#held();
    if (held.some((lease) => lease.key === key)) return;
    try {
      await snapshots.prepare(key, top);
    } catch (e) {
      // Another build was as quick, or the layer has just gone: then there is nothing to keep.
      if (!(e instanceof WharfError && (e.code === 'SNAPSHOT_EXISTS' || e.code === 'LAYER_NOT_FOUND'))) throw e;
    }
    for (const old of held.slice(0, Math.max(0, held.length + 1 - MOST))) await snapshots.remove(old.key);
  }

  async clear(): Promise<void> {
    for (const { key } of this.#held()) await this.#storage.snapshots.remove(key);
  }

  #held() {
    return this.#storage.snapshots.list().filter(({ key }) => key.startsWith(PREFIX));
  }
}
