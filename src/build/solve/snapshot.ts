import type { ChainId } from '../../core/digest.ts';
import { newId } from '../../core/ids.ts';
import type { Filling, Layer, SnapshotStore } from '../../storage/index.ts';

/** In front of every key and ID that a build takes, so that the next start can tell what a crash left. */
export const BUILD_PREFIX = 'build-';

export function newBuildId(): string {
  return `${BUILD_PREFIX}${newId().slice(0, 32)}`;
}

/** A writable tree on a stack of layers. Disposing it drops what was not committed. */
export interface Scratch extends AsyncDisposable {
  readonly key: string;
  readonly root: string;
  /** Where the changes are, as overlayfs keeps them. */
  readonly upper: string;
  /** Makes what was written a layer; `null` if that is nothing, unless `keepEmpty`. */
  commit(options: {
    readonly mtimeSeconds?: number | undefined;
    readonly keepEmpty?: boolean;
    readonly filling?: Filling | undefined;
  }): Promise<Layer | null>;
}

export async function openScratch(snapshots: SnapshotStore, parent: ChainId | null): Promise<Scratch> {
  await using undo = new AsyncDisposableStack();
  const key = newBuildId();
  await snapshots.prepare(key, parent, { volatile: true });
  undo.defer(() => snapshots.remove(key));
  const root = await snapshots.mount(key);
  const kept = undo.move();
  return {
    key,
    root,
    upper: snapshots.directories(key).upper,
    commit: ({ mtimeSeconds, keepEmpty = false, filling }) =>
      snapshots.commit(key, { keepEmpty, filling, ...(mtimeSeconds === undefined ? {} : { mtimeSeconds }) }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
