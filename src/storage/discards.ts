import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { shortName } from './layout.ts';
import { removeTree } from './remove-tree.ts';

/** Directories that are no more part of the store. A crash leaves them among what is swept at the next start. */
export class Discards implements AsyncDisposable {
  readonly #tmp: string;
  readonly #pending = new Set<Promise<void>>();

  /** @param tmp on the same file system as all that is discarded */
  constructor(tmp: string) {
    this.#tmp = tmp;
  }

  /** Takes a directory from its place at once, and removes it. */
  async discard(path: string): Promise<void> {
    const gone = join(this.#tmp, `gone-${shortName()}`);
    renameSync(path, gone);
    const removal = removeTree(gone).finally(() => this.#pending.delete(removal));
    this.#pending.add(removal);
    await removal;
  }

  /** Waits for what is still being removed, also where nobody else does any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#pending);
  }
}
