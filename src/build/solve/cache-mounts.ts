import { chmod, chown, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf, sha256 } from '../../core/digest.ts';
import { diskUsageOf } from '../../storage/index.ts';

/** Directories of `RUN --mount=type=cache`: they stay from build to build and are in no layer. */
export class CacheMounts {
  readonly #directory: string;
  readonly #locks = new Map<string, Promise<void>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * The directory of an ID, made with this owner and mode when it is new.
   * @param fill puts into it what a new one is to hold
   */
  async open(
    id: string,
    made: { readonly mode: number; readonly uid: number; readonly gid: number },
    fill?: (path: string) => Promise<void>,
  ): Promise<string> {
    const name = hexOf(sha256(id)).slice(0, 32);
    const path = join(this.#directory, name);
    const fresh = await mkdir(path, { recursive: true, mode: 0o700 });
    if (fresh !== undefined) {
      await writeFile(`${path}.id`, id);
      await fill?.(path);
      await chown(path, made.uid, made.gid);
      await chmod(path, made.mode);
    }
    const now = new Date();
    await utimes(`${path}.id`, now, now).catch(() => undefined);
    return path;
  }

  /** Every directory, with what it takes on disk and when it was used last. */
  async list(): Promise<{ name: string; id: string; sizeBytes: number; createdAt: Date; usedAt: Date }[]> {
    const names = (await readdir(this.#directory).catch(() => [])).filter((name) => !name.endsWith('.id'));
    return Promise.all(
      names.map(async (name) => {
        const path = join(this.#directory, name);
        const id = await readFile(`${path}.id`, 'utf8').catch(() => name);
        const { birthtime } = await stat(path);
        const used = await stat(`${path}.id`).catch(() => undefined);
        return { name, id, sizeBytes: await diskUsageOf(path), createdAt: birthtime, usedAt: used?.mtime ?? birthtime };
      }),
    );
  }

  /** Removes one directory by its name in `list`. */
  async remove(name: string): Promise<void> {
    await rm(join(this.#directory, name), { recursive: true, force: true });
    await rm(join(this.#directory, `${name}.id`), { force: true });
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
}
