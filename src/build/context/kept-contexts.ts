import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf, sha256 } from '../../core/digest.ts';
import { spreadSubdirectories } from '../../linux/index.ts';

/** Directories of clients that are kept, the longest unused go first. */
const MOST = 10;
const FORMAT = 1;
const PRIVATE = 'private-';

/** Files as a client sent them. Disposing it gives it back; what was changed and not `finish`ed is not kept. */
export interface KeptDirectory extends AsyncDisposable {
  readonly path: string;
  /** What stands for each file in it, by path; parents before what is in them. */
  readonly before: ReadonlyMap<string, string>;
  /** Call it before the first change: from then on nothing vouches for what is in it. */
  change(): Promise<void>;
  /** Says what is in it now, for the next time. */
  finish(after: ReadonlyMap<string, string>): Promise<void>;
}

/**
 * Directories of clients, kept from build to build so that only what has changed is sent. While one is changed, nothing on disk
 * vouches for it: after a crash it begins empty.
 */
export class KeptContexts {
  readonly #directory: string;
  readonly #busy = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param key what tells this directory from others; `''`, or one that a build has already: an empty one for once */
  async open(key: string): Promise<KeptDirectory> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    spreadSubdirectories(this.#directory);
    const name = hexOf(sha256(key)).slice(0, 32);
    if (key === '' || this.#busy.has(name)) return this.#openPrivate();
    this.#busy.add(name);
    const own = join(this.#directory, name);
    const list = join(own, 'list.json');
    const path = join(own, 'files');
    try {
      const before = await readList(list);
      if (before === undefined) await rm(own, { recursive: true, force: true });
      await mkdir(path, { recursive: true, mode: 0o755 });
      let sound = before !== undefined;
      return {
        path,
        before: before ?? new Map(),
        change: async () => {
          sound = false;
          await rm(list, { force: true });
        },
        finish: async (after) => {
          const now = new Date();
          if (sound) return utimes(list, now, now);
          await writeFile(`${list}.new`, JSON.stringify({ format: FORMAT, entries: [...after] }), { mode: 0o600 });
          await rename(`${list}.new`, list);
          sound = true;
        },
        [Symbol.asyncDispose]: async () => {
          if (!sound) await rm(own, { recursive: true, force: true });
          this.#busy.delete(name);
        },
      };
    } catch (e) {
      this.#busy.delete(name);
      throw e;
    }
  }

  /** Removes what a crash left, and the oldest of too many. */
  async trim(): Promise<void> {
    const kept: { name: string; usedMs: number }[] = [];
    for (const name of await this.#names()) {
      const list = await stat(join(this.#directory, name, 'list.json')).catch(() => undefined);
      if (list === undefined) await this.#remove(name);
      else kept.push({ name, usedMs: list.mtimeMs });
    }
    for (const { name } of kept.toSorted((a, b) => b.usedMs - a.usedMs).slice(MOST)) await this.#remove(name);
  }

  /** Removes all that no build has at the moment. */
  async clear(): Promise<void> {
    for (const name of await this.#names()) {
      if (!this.#busy.has(name) && !name.startsWith(PRIVATE)) await this.#remove(name);
    }
  }

  async #openPrivate(): Promise<KeptDirectory> {
    const own = await mkdtemp(join(this.#directory, PRIVATE));
    const path = join(own, 'files');
    await mkdir(path, { mode: 0o755 });
    return {
      path,
      before: new Map(),
      change: async () => undefined,
      finish: async () => undefined,
      [Symbol.asyncDispose]: () => rm(own, { recursive: true, force: true }),
    };
  }

  async #names(): Promise<string[]> {
    return readdir(this.#directory).catch(() => []);
  }

  async #remove(name: string): Promise<void> {
    await rm(join(this.#directory, name), { recursive: true, force: true });
  }
}

async function readList(path: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const { format, entries } = JSON.parse(await readFile(path, 'utf8')) as {
      format: number;
      entries: [string, string][];
    };
    return format === FORMAT ? new Map(entries) : undefined;
  } catch {
    return undefined; // none, or a build was cut short
  }
}
