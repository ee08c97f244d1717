import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf, sha256 } from '../../core/digest.ts';

/** Directories of `RUN --mount=type=cache`: they stay from build to build and are in no layer. */
export class CacheMounts {
  readonly #directory: string;
  readonly #locks = new Map<string, Promise<void>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The directory of an ID, made with this owner and mode when it is new. */
  async open(id: string, made: { readonly mode: number; readonly uid: number; readonly gid: number }): Promise<string> {
    const path = join(this.#directory, hexOf(sha256(id)).slice(0, 32));
    const fresh = await mkdir(path, { recursive: true, mode: 0o700 });
    if (fresh !== undefined) {
      await chown(path, made.uid, made.gid);
      await chmod(path, made.mode);
    }
    return path;
  }

  /** Waits until nobody else holds the ID; disposing lets it go. */
  async lock(id: string): Promise<Disposable> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#locks.get(id) ?? Promise.resolve();
    this.#locks.set(
      id,
      before.then(() => promise),
    );
    await before;
    return { [Symbol.dispose]: resolve };
  }

  async clear(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
