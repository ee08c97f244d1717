import { lstatSync, rmdirSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import { resolveInRoot, statOf } from '../files/in-root.ts';

/**
 * What a runtime will make in a root file system to mount something on: the mount points (absolute paths in the container)
 * that are not there yet, and their missing parents. Paths below the root, deepest first.
 */
export function missingMountPoints(root: string, targets: readonly string[]): readonly string[] {
  const missing = new Set<string>();
  for (const target of targets) {
    let path = resolveInRoot(root, target);
    while (path !== '' && statOf(join(root, path)) === undefined) {
      missing.add(path);
      const parent = posix.dirname(path);
      path = parent === '.' ? '' : parent;
    }
  }
  return [...missing].toSorted((a, b) => b.split('/').length - a.split('/').length);
}

/** Takes the mount points away again, if they are as empty as they were made. */
export function removeMountPoints(root: string, missing: readonly string[]): void {
  for (const path of missing) {
    const full = join(root, path);
    const stat = statOf(full);
    if (stat?.isFile() && stat.size === 0n) rmSync(full);
    else if (stat?.isDirectory()) removeEmptyDirectory(full);
  }
}

function removeEmptyDirectory(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) rmdirSync(path);
  } catch (e) {
    if (errnoOf(e) !== 'ENOTEMPTY') throw e;
  }
}
