import { lstatSync, mkdirSync, readlinkSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { errnoOf } from '../../core/errors.ts';

const MAX_LINKS = 255;

/** A path as somebody inside of a root directory writes it: made absolute, `..` clamped, without the leading slash. */
export function clamp(path: string): string {
  const clean = posix.normalize(`/${path}`).replace(/\/+$/, '');
  return clean.slice(1);
}

/**
 * Where a path leads for somebody whose `/` is `root`: every link on the way is followed inside of it and cannot lead out.
 * What does not exist is taken as written. Nobody may change the tree meanwhile: this walks it step by step.
 * @param followLast whether a link at the very end is followed too
 * @returns the path below `root`, without a leading slash; `''` is the root
 */
export function resolveInRoot(root: string, path: string, followLast = true): string {
  return resolveLinks(path, followLast, (at) => readLink(join(root, at)));
}

/**
 * The same for any tree.
 * @param targetOf the target of the link at a path below the root; `undefined`: there is none
 */
export function resolveLinks(
  path: string,
  followLast: boolean,
  targetOf: (path: string) => string | undefined,
): string {
  const todo = path.split('/').filter((part) => part !== '' && part !== '.');
  const done: string[] = [];
  let links = 0;
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = todo.length === 0 && !followLast ? undefined : targetOf([...done, part].join('/'));
    if (target === undefined) {
      done.push(part);
      continue;
    }
    if (++links > MAX_LINKS)
      throw Object.assign(new Error(`too many levels of symbolic links: ${path}`), { code: 'ELOOP' });
    if (target.startsWith('/')) done.length = 0;
    todo.unshift(...target.split('/').filter((p) => p !== '' && p !== '.'));
  }
  return done.join('/');
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (e) {
    const errno = errnoOf(e);
    if (errno === 'EINVAL' || errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw e;
  }
}

/** What is at a path, links not followed; `undefined` if nothing is. */
export function statOf(path: string) {
  try {
    return lstatSync(path, { bigint: true });
  } catch (e) {
    const errno = errnoOf(e);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw e;
  }
}

/**
 * Makes the directory `path` below `root` and its missing parents, 0755. `path` must be resolved already.
 * @returns the directories made, topmost first
 * @throws {Error} `ENOTDIR` if something else is in the way
 */
export async function makeDirectories(
  root: string,
  path: string,
  owner: { readonly uid: number; readonly gid: number } = { uid: 0, gid: 0 },
): Promise<string[]> {
  const made: string[] = [];
  let at = '';
  for (const part of path.split('/').filter((p) => p !== '')) {
    at = at === '' ? part : `${at}/${part}`;
    const full = join(root, at);
    const found = statOf(full);
    if (found?.isDirectory()) continue;
    if (found !== undefined) {
      throw Object.assign(new Error(`cannot create directory /${at}: a file is in the way`), { code: 'ENOTDIR' });
    }
    mkdirSync(full, { mode: 0o755 });
    await chown(full, owner.uid, owner.gid);
    made.push(at);
  }
  return made;
}
