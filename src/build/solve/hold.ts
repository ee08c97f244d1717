import type { ChainId } from '../../core/digest.ts';
import type { SnapshotStore } from '../../storage/index.ts';
import { newBuildId } from './snapshot.ts';

/**
 * Holds the stack that a stage has reached, so that removing an image that shares it does not take it from under the build.
 * A snapshot that is never mounted stands on it.
 */
export class StackHold implements AsyncDisposable {
  readonly #snapshots: SnapshotStore;
  #held: { readonly key: string; readonly top: ChainId } | undefined;

  constructor(snapshots: SnapshotStore) {
    this.#snapshots = snapshots;
  }

  /** Holds `top` instead of what was held. @throws {WharfError} `LAYER_NOT_FOUND` if it has gone already */
  async move(top: ChainId | null): Promise<void> {
    const before = this.#held;
    if (before?.top === (top ?? undefined)) return;
    if (top === null) this.#held = undefined;
    else {
      const key = newBuildId();
      await this.#snapshots.prepare(key, top);
      this.#held = { key, top };
    }
    if (before !== undefined) await this.#snapshots.remove(before.key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.move(null);
  }
}
