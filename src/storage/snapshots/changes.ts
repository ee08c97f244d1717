import { lstatSync, readdirSync, rmdirSync, rmSync, type Stats } from 'node:fs';
import { lgetXattr, llistXattr, lremoveXattr, lutimeNanos } from '../../linux/index.ts';
import type { Change } from '../contract.ts';
import type { LowerView } from '../layers/lower-view.ts';
import { isWhiteout } from '../layers/lower-view.ts';
import { byteString, type ByteString, diskPath, displayName } from '../tar/entry.ts';
import { isOpaque } from '../tar/pack.ts';
import { OPAQUE_XATTR } from '../tar/unpack.ts';

/**
 * What differs between an upper directory and the layers below it, in byte order. A directory that is only there because
 * something in it changed counts as modified, as Docker has it.
 */
export function changesOf(upper: string, below: LowerView): Change[] {
  const top = byteString(upper);
  const changes: Change[] = [];
  walk('');
  return changes;

  /** Whether anything in the directory changed. */
  function walk(directory: ByteString): boolean {
    const absolute = directory === '' ? top : `${top}/${directory}`;
    const here = readdirSync(diskPath(absolute), { encoding: 'latin1' });
    const names = new Set(here);
    if (directory !== '' && isOpaque(absolute)) for (const hidden of below.children(directory)) names.add(hidden);
    let changed = false;
    for (const base of [...names].sort((a, b) => (a < b ? -1 : 1))) {
      const name = directory === '' ? base : `${directory}/${base}`;
      const before = below.stat(name);
      const now = lstatSync(diskPath(`${top}/${name}`), { throwIfNoEntry: false });
      if (!now || isWhiteout(now)) {
        if (!before) continue;
        changes.push({ path: `/${displayName(name)}`, kind: 'deleted' });
        changed = true;
        continue;
      }
      const at = changes.length;
      const inside = now.isDirectory() ? walk(name) : false;
      if (now.isDirectory() && before?.isDirectory() && !inside && sameDirectory(now, before)) continue;
      changes.splice(at, 0, { path: `/${displayName(name)}`, kind: before ? 'modified' : 'added' });
      changed = true;
    }
    return changed;
  }
}

/**
 * Makes an unmounted upper directory ready to be a layer: takes out what is excluded, directories that were only copied up and
 * hold nothing, and opaque marks that hide nothing (overlayfs sets them on every new directory). A directory whose times or
 * attributes are others now stays, though it holds nothing, as Docker has it. Tells what is left.
 */
export function tidyUpper(
  upper: string,
  below: LowerView,
  exclude: readonly string[],
): { readonly empty: boolean; readonly sizeBytes: number } {
  const top = byteString(upper);
  for (const path of exclude) {
    const name = byteString(path).replace(/^\/+|\/+$/g, '');
    if (name !== '' && !name.split('/').includes('..')) removeWithin(top, name);
  }
  const inodes = new Set<number>();
  let sizeBytes = 0;
  const left = walk('');
  return { empty: left === 0, sizeBytes };

  function walk(directory: ByteString): number {
    const absolute = directory === '' ? top : `${top}/${directory}`;
    let count = 0;
    for (const base of readdirSync(diskPath(absolute), { encoding: 'latin1' })) {
      const name = directory === '' ? base : `${directory}/${base}`;
      const disk = diskPath(`${top}/${name}`);
      const stat = lstatSync(disk);
      if (stat.isDirectory()) {
        const before = below.stat(name);
        const opaque = isOpaque(`${top}/${name}`);
        if (opaque && !before?.isDirectory()) lremoveXattr(disk, OPAQUE_XATTR);
        const inside = walk(name);
        const hides = opaque && before?.isDirectory() === true;
        const isOnlyCopied = inside === 0 && !hides && before?.isDirectory() && sameDirectory(stat, before);
        if (isOnlyCopied && sameXattrs(`${top}/${name}`, below.path(name) ?? top)) {
          keepingTimes(absolute, () => rmdirSync(disk));
          continue;
        }
      } else if (stat.isFile() && !inodes.has(stat.ino)) {
        if (stat.nlink > 1) inodes.add(stat.ino);
        sizeBytes += stat.size;
      }
      count++;
    }
    return count;
  }
}

/** Deletes a name below `top`, unless a parent of it is a link. */
function removeWithin(top: ByteString, name: ByteString): void {
  const parts = name.split('/');
  let at = top;
  for (const part of parts.slice(0, -1)) {
    at += `/${part}`;
    if (!lstatSync(diskPath(at), { throwIfNoEntry: false })?.isDirectory()) return;
  }
  const gone = diskPath(`${at}/${parts.at(-1) ?? ''}`);
  if (lstatSync(gone, { throwIfNoEntry: false }))
    keepingTimes(at, () => rmSync(gone, { recursive: true, force: true }));
}

/** What is taken out here was never meant to be there: the directory does not change by it. */
function keepingTimes(directory: ByteString, change: () => void): void {
  const { atimeNs, mtimeNs } = lstatSync(diskPath(directory), { bigint: true });
  change();
  lutimeNanos(diskPath(directory), atimeNs, mtimeNs);
}

/** Bytes in regular files (hard links once) and number of files in a tree. */
export function usageOf(tree: string): { readonly sizeBytes: number; readonly inodes: number } {
  const seen = new Set<number>();
  let sizeBytes = 0;
  let inodes = 0;
  const walk = (directory: ByteString): void => {
    for (const base of readdirSync(diskPath(directory), { encoding: 'latin1' })) {
      const path = `${directory}/${base}`;
      const stat = lstatSync(diskPath(path), { throwIfNoEntry: false });
      if (!stat || (stat.nlink > 1 && !stat.isDirectory() && seen.has(stat.ino))) continue;
      if (stat.nlink > 1) seen.add(stat.ino);
      inodes++;
      if (stat.isFile()) sizeBytes += stat.size;
      if (stat.isDirectory()) walk(path);
    }
  };
  walk(byteString(tree));
  return { sizeBytes, inodes };
}

function sameOwnerAndMode(a: Stats, b: Stats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}
function sameDirectory(a: Stats, b: Stats): boolean {
  return sameOwnerAndMode(a, b) && a.mtimeMs === b.mtimeMs;
}

/** Whether two paths have the same extended attributes, less those that overlayfs keeps for itself. */
function sameXattrs(a: ByteString, b: ByteString): boolean {
  const [ofA, ofB] = [a, b].map((path) => {
    const names = llistXattr(diskPath(path)).filter((name) => !name.startsWith('trusted.overlay.'));
    return names.sort().map((name) => `${name}=${lgetXattr(diskPath(path), name)?.toString('hex')}`);
  });
  return ofA?.join(' ') === ofB?.join(' ');
}
