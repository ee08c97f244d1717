import type { BigIntStats } from 'node:fs';
import { createReadStream, readFileSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { lgetXattr, llistXattr } from '../../linux/index.ts';
import { statOf } from './in-root.ts';

/** Up to this size a file is read at once: that costs less than handing the work to another thread. */
const SMALL_FILE_BYTES = 64 * 1024;

/**
 * Content digests of files below a directory that does not change while this is used: each file is read once. A digest covers
 * names, types, modes, owners, link targets, device numbers, extended attributes and bytes; not times.
 */
export class TreeDigests {
  readonly root: string;
  readonly #bytes = new Map<string, Promise<string>>();

  readonly #owners: boolean;

  /** @param options `owners: false`: who owns the files makes no difference */
  constructor(root: string, options: { readonly owners: boolean } = { owners: true }) {
    this.root = root;
    this.#owners = options.owners;
  }

  /**
   * Digest of one entry with all that is below it, in hexadecimal.
   * @param path below the root; links are not followed
   * @param excludes told the path relative to the entry; what it excludes does not count
   * @param files takes what stands for each file or link, by its path relative to the entry
   */
  async of(
    path: string,
    excludes: (relative: string) => boolean = () => false,
    files?: Map<string, string>,
  ): Promise<string> {
    const hash = createHash('sha256');
    for await (const { line, name } of this.#lines(path, '', excludes)) {
      hash.update(line);
      files?.set(name, line);
    }
    return hash.digest('hex');
  }

  async *#lines(
    path: string,
    name: string,
    excludes: (relative: string) => boolean,
  ): AsyncGenerator<{ readonly line: string; readonly name: string }> {
    const full = join(this.root, path);
    const stat = statOf(full);
    if (stat === undefined || stat.isSocket()) return;
    const owner = this.#owners ? [stat.uid, stat.gid] : [];
    const header = [name, stat.mode.toString(8), ...owner, stat.rdev, ...xattrsOf(full)];
    if (stat.isSymbolicLink()) header.push(await readlink(full));
    else if (stat.isFile()) header.push(await this.#contentOf(full, stat));
    yield { line: `${JSON.stringify(header.map(String))}\n`, name };
    if (!stat.isDirectory()) return;
    for (const child of (await readdir(full)).toSorted()) {
      const relative = name === '' ? child : `${name}/${child}`;
      if (!excludes(relative)) yield* this.#lines(join(path, child), relative, excludes);
    }
  }

  #contentOf(full: string, stat: BigIntStats): Promise<string> {
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#bytes.get(key);
    if (known !== undefined) return known;
    const digest = hashFile(full, Number(stat.size));
    this.#bytes.set(key, digest);
    return digest;
  }
}

async function hashFile(path: string, sizeBytes: number): Promise<string> {
  const hash = createHash('sha256');
  if (sizeBytes <= SMALL_FILE_BYTES) return hash.update(readFileSync(path)).digest('hex');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function xattrsOf(path: string): string[] {
  return llistXattr(path)
    .filter((name) => !name.startsWith('trusted.') && !name.startsWith('system.'))
    .filter((name) => !name.startsWith('security.') || name === 'security.capability')
    .toSorted()
    .map((name) => `${name}=${lgetXattr(path, name)?.toString('hex') ?? ''}`);
}
