import { chownSync, createReadStream } from 'node:fs';
import { join, posix } from 'node:path';
import { resolveUser } from '../../runtime/index.ts';
import type { Filling } from '../../storage/index.ts';
import type { BuildStyle } from '../contract.ts';
import { stepFailed } from '../errors.ts';
import { TreeCopier } from '../files/copy-tree.ts';
import { extractTar } from '../files/extract-tar.ts';
import { LateFiles } from '../files/filling.ts';
import type { ModeChange } from '../files/mode-change.ts';
import { parseModeChange } from '../files/mode-change.ts';
import { clamp, makeDirectories, resolveInRoot, statOf } from '../files/in-root.ts';
import type { Selected } from './select-sources.ts';
import type { Scratch } from './snapshot.ts';

export interface Placement {
  readonly keyword: 'COPY' | 'ADD';
  /** Absolute in the image; a slash at the end means a directory. */
  readonly destination: string;
  /** `undefined`: owners are kept. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Of what is unpacked from an archive; `undefined`: as the archive says. */
  readonly archiveOwner: { readonly uid: number; readonly gid: number } | undefined;
  /** Of directories that are made on the way; `undefined`: root's. */
  readonly parentOwner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode: ModeChange | undefined;
  /** Of what is unpacked; `undefined`: as the archive says. */
  readonly archiveMode: ModeChange | undefined;
  readonly dressMerged: boolean;
  /** The directories above each source are kept. */
  readonly parents: boolean;
}

/** The destination of COPY or ADD, joined to the working directory; the slash at its end survives. */
export function destinationOf(written: string, workdir: string): string {
  const isDirectory = written.endsWith('/') || /(^|\/)\.$/.test(written);
  const path = `/${clamp(posix.isAbsolute(written) ? written : posix.join(workdir, written))}`;
  return isDirectory && path !== '/' ? `${path}/` : path;
}

/**
 * Writes what was selected into a mounted root file system.
 * @returns content that is still to be written, when it is made a layer
 * @throws {WharfError} `BUILD_STEP_FAILED`
 */
export async function placeFiles(
  { root, upper }: Pick<Scratch, 'root' | 'upper'>,
  selected: readonly Selected[],
  placement: Placement,
  signal: AbortSignal,
): Promise<Filling | undefined> {
  const { keyword, destination, owner, mode, parentOwner, dressMerged } = placement;
  const isDirectory = destination.endsWith('/') || placement.parents;
  if (selected.length > 1 && !isDirectory) {
    throw stepFailed({
      message: `When using ${keyword} with more than one source file, the destination must be a directory and end with a /`,
    });
  }
  // What is unpacked from an archive could take the place of a file that is not written yet.
  const late = selected.some(({ archive }) => archive) ? undefined : new LateFiles(upper, signal);
  const copier = new TreeCopier({ owner, mode, dressMerged, overlay: { root, upper }, late, signal });
  for (const source of selected) {
    const path = resolveInRoot(root, posix.join(destination, source.parents ?? ''));
    const there = statOf(join(root, path));
    const shown = destination.replace(/(.)\/$/, '$1');
    if (source.archive || source.kind === 'directory' || isDirectory) {
      if (there !== undefined && !there.isDirectory())
        throw stepFailed({ message: `cannot copy to non-directory: ${shown}` });
    }
    if (source.archive) {
      const made = await makeDirectories(root, path, parentOwner);
      const into = { root, into: path, owner: placement.archiveOwner, mode: placement.archiveMode, signal };
      using file = source.tree.open(source.entries[0]);
      await extractTar(createReadStream(file.path), into);
      file.verify();
      // An archive may hold its own top as well, which does not take the new directory from its owner.
      if (parentOwner !== undefined && made.includes(path))
        chownSync(join(root, path), parentOwner.uid, parentOwner.gid);
    } else if (source.kind === 'directory') {
      const target = source.parents === undefined ? path : posix.join(path, source.name);
      await makeDirectories(root, parentOf(target), parentOwner);
      await copier.copy(source.tree, source.entries, join(root, target), shown);
    } else {
      const inside = isDirectory || there?.isDirectory() === true;
      const target = inside ? posix.join(path, source.name) : path;
      await makeDirectories(root, parentOf(target), parentOwner);
      const told = inside ? posix.join(shown, source.name) : shown;
      await copier.copy(source.tree, source.entries, join(root, target), told);
    }
  }
  return late;
}

function parentOf(path: string): string {
  const parent = posix.dirname(path);
  return parent === '.' ? '' : parent;
}

/**
 * `--chown`: numbers stand for themselves, a number without a group is its own group; names are those of the image.
 * BuildKit takes a name that the image does not know for root.
 * @throws {WharfError} `BUILD_STEP_FAILED` if the image does not know a name
 */
export function ownerOf(
  root: string,
  chown: string,
  style: BuildStyle,
): { readonly uid: number; readonly gid: number } {
  const [user = '', group] = chown.split(':');
  const numeric = /^\d+$/;
  if (numeric.test(user) && (group === undefined || numeric.test(group))) {
    return { uid: Number(user), gid: Number(group ?? user) };
  }
  const find = (name: string) => resolveUser(root, name, []);
  if (style === 'buildkit') {
    // Who is not known is root there; a group that is not known is that of the user.
    const known = attempt(() => find(user));
    const ofGroup = group === undefined ? undefined : attempt(() => find(`0:${group}`));
    const own = group === undefined && numeric.test(user) ? Number(user) : (known?.gid ?? 0);
    return { uid: known?.uid ?? 0, gid: ofGroup?.gid ?? own };
  }
  try {
    const resolved = find(chown);
    return { uid: resolved.uid, gid: group === undefined && numeric.test(user) ? Number(user) : resolved.gid };
  } catch (cause) {
    throw stepFailed(
      {
        message: `unable to convert uid/gid chown string to host mapping: can't find uid for user ${chown}: no such user: ${user}`,
      },
      { cause },
    );
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** @throws {WharfError} `BUILD_STEP_FAILED` unless it is octal and at most 07777, or symbolic as chmod(1) */
export function modeOf(chmod: string): ModeChange {
  const change = parseModeChange(chmod);
  if (change === undefined) {
    throw stepFailed({
      message: `invalid chmod parameter: '${chmod}'. it should be octal string and between 0 and 07777`,
    });
  }
  return change;
}
