import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { type ByteString, byteString, diskPath } from '../tar/entry.ts';
import { isOpaque } from '../tar/pack.ts';

/** What overlayfs would show of a stack of layer directories, looked up without mounting it. */
export class LowerView {
  readonly #roots: readonly ByteString[];
  readonly #cache = new Map<ByteString, readonly ByteString[]>();

  /** @param roots topmost first, as in the option `lowerdir` */
  constructor(roots: readonly string[]) {
    this.#roots = roots.map(byteString);
  }

  /** The file or directory of that name as it would be seen; links are not followed. */
  stat(name: ByteString): Stats | undefined {
    const top = this.path(name);
    return top === undefined ? undefined : lstatSync(diskPath(top), { throwIfNoEntry: false });
  }

  /** Where the file or directory of that name is on the disk. */
  path(name: ByteString): ByteString | undefined {
    return this.#at(name)[0];
  }

  /** Names in a directory; empty if there is none. */
  children(name: ByteString): Set<ByteString> {
    const seen = new Set<ByteString>();
    const hidden = new Set<ByteString>();
    for (const directory of this.#at(name)) {
      if (!lstatSync(diskPath(directory)).isDirectory()) break;
      for (const base of readdirSync(diskPath(directory), { encoding: 'latin1' })) {
        if (seen.has(base) || hidden.has(base)) continue;
        const stat = lstatSync(diskPath(`${directory}/${base}`));
        (isWhiteout(stat) ? hidden : seen).add(base);
      }
    }
    return seen;
  }

  /** The directories that are merged at `name`, or the one file that is there. */
  #at(name: ByteString): readonly ByteString[] {
    if (name === '') return this.#roots;
    const known = this.#cache.get(name);
    if (known) return known;
    const slash = name.lastIndexOf('/');
    const base = name.slice(slash + 1);
    const found: ByteString[] = [];
    for (const parent of this.#at(slash < 0 ? '' : name.slice(0, slash))) {
      const path = `${parent}/${base}`;
      const stat = lstatSync(diskPath(path), { throwIfNoEntry: false });
      if (!stat) continue;
      if (isWhiteout(stat)) break;
      if (!stat.isDirectory()) {
        if (found.length === 0) found.push(path);
        break;
      }
      found.push(path);
      if (isOpaque(path)) break;
    }
    this.#cache.set(name, found);
    return found;
  }
}

/** A 0:0 character device: overlayfs's sign that a name of a lower layer is deleted. */
export function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}
