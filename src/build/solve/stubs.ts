import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import { resolveInRoot, statOf } from '../files/in-root.ts';

/** What a runtime makes in a root file system to mount something on. */
export interface Stubs {
  /** Paths below the root that were not there before, deepest first. */
  readonly missing: readonly string[];
  /** Directories that were there and get one of them. */
  readonly touched: readonly string[];
}

/** Notes which mount points (absolute paths in the container) are not there yet. */
export function noteStubs(root: string, targets: readonly string[]): Stubs {
  const missing = new Set<string>();
  const touched = new Set<string>();
  for (const target of targets) {
    let path = resolveInRoot(root, target);
    while (path !== '' && statOf(join(root, path)) === undefined) {
      missing.add(path);
      const parent = posix.dirname(path);
      path = parent === '.' ? '' : parent;
    }
    touched.add(path);
  }
  return {
    missing: [...missing].toSorted((a, b) => b.split('/').length - a.split('/').length),
    touched: [...touched].filter((path) => path !== '' && !missing.has(path)),
  };
}

/** Takes the mount points away again, if they are as empty as they were made. */
export function removeStubs(root: string, { missing }: Stubs): void {
  for (const path of missing) {
    const full = join(root, path);
    const stat = statOf(full);
    if (stat?.isFile() && stat.size === 0n) rmSync(full);
    else if (stat?.isDirectory()) removeEmptyDirectory(full);
  }
}

/**
 * Making and removing a mount point copied its directory into the upper layer. Where nothing else happened there, the copy
 * goes, so that the layer stays clean. The snapshot must not be mounted.
 */
export function forgetTouched(
  directories: { readonly lower: readonly string[]; readonly upper: string },
  { touched }: Stubs,
): void {
  for (const path of touched.toSorted((a, b) => b.length - a.length)) {
    for (let at = path; at !== '.' && at !== ''; at = posix.dirname(at)) {
      const above = statOf(join(directories.upper, at));
      const below = directories.lower.map((lower) => statOf(join(lower, at))).find((stat) => stat !== undefined);
      const same =
        above?.isDirectory() && below?.isDirectory()
          ? above.mode === below.mode && above.uid === below.uid && above.gid === below.gid
          : false;
      if (!same || readdirSync(join(directories.upper, at)).length > 0) break;
      rmdirSync(join(directories.upper, at));
    }
  }
}

function removeEmptyDirectory(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) rmdirSync(path);
  } catch (e) {
    if (errnoOf(e) !== 'ENOTEMPTY') throw e;
  }
}
