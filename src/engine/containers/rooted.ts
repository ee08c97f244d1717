import { closeSync, constants, fstatSync, mkdirSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import type { IdMaps } from '../../core/id-map.ts';

/** open(2)'s O_PATH, which Node has no name for: a handle on a place, not on its content. */
const O_PATH = 0o10000000;
const MOST_LINKS = 40;
const HANDLE = O_PATH | constants.O_NOFOLLOW;

/** A container's file tree as seen from the host: its root, and what is mounted in it from elsewhere (by target). */
export interface Root {
  readonly path: string;
  /** How the users of the container are mapped to those that its files are seen with here; not given: they are the same. */
  readonly ids?: IdMaps | undefined;
  readonly mounts: ReadonlyMap<string, string>;
}

/** A place in a tree, held open: whatever the container does to its links meanwhile, this stays where it is. */
export interface Place extends Disposable {
  readonly fd: number;
  /** Where the handle is to be found; valid while it is open. */
  readonly path: string;
  /** Absolute path inside the tree, without links. */
  readonly inside: string;
  readonly stats: Stats;
}

export interface Walk {
  /** Whether a link in last position is followed. */
  readonly follow: boolean;
  /** Missing directories are made, 0755. */
  readonly makeDirectories?: boolean;
}

/**
 * Walks to a path inside a tree, one name at a time on open handles, so that neither `..` nor links, absolute ones included,
 * lead out of it, also while the container changes them. @throws `ENOENT`, `ENOTDIR`, `ELOOP`
 */
export function walk(root: Root, path: string, options: Walk): Place {
  const handles = [place(openSync(root.path, O_PATH | constants.O_DIRECTORY), '/')];
  const here = () => {
    const last = handles.at(-1);
    if (last === undefined) throw new Error('walked above the root');
    return last;
  };
  let links = 0;
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  try {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (name === '..') {
        if (handles.length > 1) handles.pop()?.[Symbol.dispose]();
        continue;
      }
      if (name === '.') continue;
      const next = step(root, here(), name, options.makeDirectories ?? false);
      if (!next.stats.isSymbolicLink() || (names.length === 0 && !options.follow)) {
        handles.push(next);
        continue;
      }
      next[Symbol.dispose]();
      if (++links > MOST_LINKS) throw Object.assign(new Error(`too many links: ${path}`), { code: 'ELOOP' });
      const target = readlinkSync(`${here().path}/${name}`);
      if (target.startsWith('/')) for (const h of handles.splice(1)) h[Symbol.dispose]();
      names.unshift(...target.split('/').filter((part) => part !== ''));
    }
    const found = here();
    handles.pop();
    return found;
  } finally {
    for (const handle of handles) handle[Symbol.dispose]();
  }
}

/** One name further; where something is mounted, its source takes over. */
function step(root: Root, from: Place, name: string, make: boolean): Place {
  const inside = posix.join(from.inside, name);
  const mounted = root.mounts.get(inside);
  if (mounted !== undefined) return place(openSync(mounted, O_PATH), inside);
  const path = `${from.path}/${name}`;
  try {
    return place(openSync(path, HANDLE), inside);
  } catch (error) {
    if (!make || errnoOf(error) !== 'ENOENT') throw error;
    mkdirSync(path, { mode: 0o755 });
    return place(openSync(path, HANDLE), inside);
  }
}

function place(fd: number, inside: string): Place {
  return {
    fd,
    inside,
    path: `/proc/self/fd/${fd}`,
    stats: fstatSync(fd),
    [Symbol.dispose]: () => closeSync(fd),
  };
}
