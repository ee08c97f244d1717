import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { closeSync, copyFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { lgetXattr, llistXattr, openBeneath, S_IF } from '../../linux/index.ts';
import type { IgnoreRules, Verdict } from '../context/ignore.ts';
import { badContext, ContextChanged } from '../errors.ts';
import { digestFiles } from './file-threads.ts';
import type { FileSource } from './read-file.ts';
import { isUnchanged, openUnchanged } from './read-file.ts';
import { Turn } from './turns.ts';
import { resolveLinks, statOf } from './in-root.ts';
import { type FileStat, type KnownFiles, slim } from './known-files.ts';

export interface TreeOptions {
  /** `false`: who owns the files makes no difference. */
  readonly owners: boolean;
  /** SHA-256 in hexadecimal of files that were digested already, by path. */
  readonly digests?: ReadonlyMap<string, string>;
  /** What counts as not there, though it is. */
  readonly ignored?: IgnoreRules;
  /** Given if somebody else may change the files while they are read. */
  readonly live?: {
    /** A descriptor of the root. */
    readonly fd: number;
    /** What is known of the files from earlier. */
    readonly known: KnownFiles;
    /** A directory for copies of files that change all the time. */
    readonly scratch: string;
    /** Whether those who want the build may read something; `undefined`: they may. */
    readonly mayRead?: ((stat: FileStat, path: string) => boolean) | undefined;
  };
}

/** One file, directory, link or other thing in a tree. */
export interface Entry {
  /** Relative to what was asked for, which itself is `''`. */
  readonly name: string;
  /** Below the root. */
  readonly path: string;
  readonly stat: FileStat;
  /** `S_IF.*`. */
  readonly type: number;
  /** A `Fact` as a text: equal texts are equal entries, wherever they are. */
  readonly fact: string;
}

/** Mode, owner (`''`: makes no difference), device number, content or target, extended attributes as `name=hex`. */
export type Fact = readonly [mode: string, owner: string, device: string, content: string, ...xattrs: string[]];

export interface OpenFile extends Disposable {
  readonly path: string;
  /** Call it when all was read. @throws {WharfError} `CONTEXT_CHANGED` if it was written to meanwhile */
  verify(): void;
}

interface Child {
  readonly name: string;
  readonly path: string;
  stat: FileStat;
  readonly type: number;
  readonly verdict: Verdict | undefined;
  /** Once it is known. */
  fact: string | undefined;
}

/** So often a file that changes is read again before a copy is made of it. */
const TRIES = 5;
/** Name of the one file in the directory of a copy. */
const PINNED = 'file';

/**
 * The files below a directory, as a build sees them. Each is looked at once, and read at most once. What was seen stays valid as
 * long as the tree is used: a file that turns out to have changed since is the error `changed`.
 */
export class FileTree {
  readonly root: string;
  readonly #options: TreeOptions;
  readonly #children = new Map<string, readonly Child[]>();
  /** Content by inode, for other names of the same file. */
  readonly #contents = new Map<string, string>();
  /** Copies of files that would not keep still, by path. */
  readonly #pinned = new Map<string, string>();

  constructor(root: string, options: TreeOptions = { owners: true }) {
    this.root = root;
    this.#options = options;
  }

  get fd(): number | undefined {
    return this.#options.live?.fd;
  }

  /** Whether what is on the disk is more than what counts, or may change: then it cannot be shown to others as it is. */
  get differs(): boolean {
    return this.#options.live !== undefined || this.#options.ignored?.empty === false;
  }

  /** What is at a path, links not followed; `undefined` if nothing is. */
  stat(path: string): BigIntStats | undefined {
    const stat = statOf(join(this.root, path));
    const rules = this.#options.ignored;
    if (stat === undefined || path === '' || rules === undefined || rules.empty) return stat;
    const verdict = this.#verdictOn(path);
    if (verdict?.excluded !== true) return stat;
    return stat.isDirectory() && this.#holdsSomething(path, verdict) ? stat : undefined;
  }

  /** Where a path leads within the tree. See `resolveInRoot`. */
  resolve(path: string): string {
    return resolveLinks(path, true, (at) =>
      this.stat(at)?.isSymbolicLink() ? readlinkSync(join(this.root, at)) : undefined,
    );
  }

  /** Names in a directory, sorted; none if it is no directory. `path` must be resolved. */
  names(path: string): string[] {
    if (!this.stat(path)?.isDirectory()) return [];
    return this.#childrenOf(path, this.#verdictOn(path)).map(({ name }) => name);
  }

  /**
   * One entry and all that is below it, directories before what is in them.
   * @param path below the root; links are not followed
   * @param excludes told the path relative to the entry; what it excludes does not count
   * @throws {WharfError} `CONTEXT_CHANGED` if that cannot be told, as it changes all the time
   */
  async entries(path: string, excludes?: (relative: string) => boolean): Promise<Entry[]> {
    const found: Child[] = [];
    const names: string[] = [];
    const stat = this.stat(path);
    if (stat === undefined) return [];
    const turn = new Turn();
    const walk = async (child: Child, name: string): Promise<void> => {
      if (child.type === S_IF.SOCK) return;
      found.push(child);
      names.push(name);
      if (child.type !== S_IF.DIR) return;
      if (turn.isOver) await turn.pass();
      for (const below of this.#childrenOf(child.path, child.verdict)) {
        const relative = name === '' ? below.name : `${name}/${below.name}`;
        if (excludes?.(relative)) continue;
        if (below.type === S_IF.DIR) await walk(below, relative);
        else if (below.type !== S_IF.SOCK) {
          found.push(below);
          names.push(relative);
        }
      }
    };
    await walk(this.#childOf('', path, stat, this.#verdictOn(path)), '');
    await this.#learn(found);
    return found.map(({ path: at, stat: seen, type, fact = '' }, i) => {
      return { name: names[i] ?? '', path: at, stat: seen, type, fact };
    });
  }

  /** Digest of one entry with all that is below it, in hexadecimal: names, types, modes, owners, links, attributes, bytes; not times. */
  async of(path: string, excludes?: (relative: string) => boolean): Promise<string> {
    return digestOfEntries(await this.entries(path, excludes));
  }

  /** Where the content of a file is to be read. */
  sourceOf({ path, stat }: Pick<Entry, 'path' | 'stat'>): FileSource {
    const pinned = this.#pinned.get(path);
    if (pinned !== undefined) return { place: { root: pinned, fd: undefined }, path: PINNED, stat };
    return { place: { root: this.root, fd: this.fd }, path, stat };
  }

  /**
   * Opens a file under a path of its own, to be read while it is held.
   * @throws {WharfError} `CONTEXT_CHANGED` if it is not what it was when it was looked at
   */
  open(entry: Entry): OpenFile {
    const source = this.sourceOf(entry);
    const fd = openUnchanged(source);
    if (fd === undefined) throw this.changed(entry.path);
    return {
      path: `/proc/self/fd/${fd}`,
      verify: () => {
        if (!isUnchanged(source, fd)) throw this.changed(entry.path);
      },
      [Symbol.dispose]: () => closeSync(fd),
    };
  }

  /** The error that says so: a file is not what it was when it was looked at. */
  changed(path: string): ContextChanged {
    return new ContextChanged(path, () => this.#lookAgain(path));
  }

  /** Forgets what was seen, as the file at `path` has changed since; from now on a copy stands for it. */
  #lookAgain(path: string): void {
    this.#children.clear();
    this.#contents.clear();
    const { live } = this.#options;
    if (live === undefined || !statOf(join(this.root, path))?.isFile()) return;
    const directory = join(live.scratch, `pinned-${this.#pinned.size}`);
    mkdirSync(directory, { recursive: true });
    const fd = openBeneath(live.fd, path);
    try {
      copyFileSync(`/proc/self/fd/${fd}`, join(directory, PINNED));
    } finally {
      closeSync(fd);
    }
    this.#pinned.set(path, directory);
  }

  #childOf(name: string, path: string, stat: BigIntStats, verdict: Verdict | undefined): Child {
    const known = this.#pinned.has(path) ? undefined : this.#options.live?.known.find(path, stat);
    return { name, path, stat: known ?? slim(stat), type: typeOf(stat), verdict, fact: known?.fact };
  }

  /** Finds the facts about entries that are not known yet. */
  async #learn(found: readonly Child[]): Promise<void> {
    const mayRead = this.#options.live?.mayRead;
    const unread: Child[] = [];
    const turn = new Turn();
    for (const child of found) {
      const { path, stat, type } = child;
      if (mayRead !== undefined && type !== S_IF.LNK && !mayRead(stat, join(this.root, path))) {
        throw badContext({ reason: `open ${path}: permission denied` });
      }
      if (child.fact !== undefined) continue;
      if (type === S_IF.REG) unread.push(child);
      else this.#note(child, type === S_IF.LNK ? readlinkSync(join(this.root, path)) : '', clockNanos());
      if (turn.isOver) await turn.pass();
    }
    await this.#read(unread);
  }

  async #read(files: Child[]): Promise<void> {
    for (let tries = 0; files.length > 0; tries++) {
      if (tries === TRIES) throw this.changed(files[0]?.path ?? '');
      const wanted = new Map<string, Child>();
      for (const file of files) {
        const key = contentKey(file);
        const known = file.stat.nlink > 1 ? undefined : this.#options.digests?.get(key);
        if (known !== undefined) this.#contents.set(key, known);
        if (!this.#contents.has(key)) wanted.set(key, file);
      }
      const now = clockNanos();
      const digests = await digestFiles([...wanted.values()].map((file) => this.sourceOf(file)));
      for (const [i, key] of [...wanted.keys()].entries()) {
        const digest = digests[i];
        if (digest !== undefined) this.#contents.set(key, digest);
      }
      const again: Child[] = [];
      for (const file of files) {
        const content = this.#contents.get(contentKey(file));
        if (content !== undefined) this.#note(file, content, now);
        else {
          const stat = this.stat(file.path);
          if (stat?.isFile() !== true) throw this.changed(file.path);
          file.stat = slim(stat);
          again.push(file);
        }
      }
      files = again;
    }
  }

  #note(child: Child, content: string, readAtNanos: bigint): void {
    const { path, stat } = child;
    const owner = this.#options.owners ? `${stat.uid}:${stat.gid}` : '';
    const fact: Fact = [stat.mode.toString(8), owner, String(stat.rdev), content, ...xattrsOf(join(this.root, path))];
    child.fact = JSON.stringify(fact);
    if (!this.#pinned.has(path)) this.#options.live?.known.note(path, stat, child.fact, readAtNanos);
  }

  #verdictOn(path: string): Verdict | undefined {
    const rules = this.#options.ignored;
    if (rules === undefined || rules.empty) return undefined;
    let verdict = rules.root;
    if (path === '') return verdict;
    const parts = path.split('/');
    for (const i of parts.keys()) verdict = rules.below(verdict, parts.slice(0, i + 1).join('/'));
    return verdict;
  }

  /** Whether something of an excluded directory was taken back in, which makes it count. */
  #holdsSomething(path: string, verdict: Verdict): boolean {
    return this.#options.ignored?.mayTakeBackBelow(path) === true && this.#childrenOf(path, verdict).length > 0;
  }

  /** What counts of a directory's content, sorted by name. */
  #childrenOf(directory: string, verdict: Verdict | undefined): readonly Child[] {
    const seen = this.#children.get(directory);
    if (seen !== undefined) return seen;
    const rules = this.#options.ignored;
    const absolute = directory === '' ? this.root : `${this.root}/${directory}`;
    const children: Child[] = [];
    for (const name of readdirSync(absolute).sort()) {
      const path = directory === '' ? name : `${directory}/${name}`;
      const own = verdict === undefined ? undefined : rules?.below(verdict, path);
      if (own?.excluded === true && rules?.mayTakeBackBelow(path) !== true) continue;
      const stat = lstatSync(`${absolute}/${name}`, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined) continue; // gone since the directory was read
      const type = typeOf(stat);
      if (own?.excluded === true && (type !== S_IF.DIR || !this.#holdsSomething(path, own))) continue;
      children.push(this.#childOf(name, path, stat, own));
    }
    this.#children.set(directory, children);
    return children;
  }
}

/** What stands for entries: equal digests are equal trees. */
export function digestOfEntries(entries: readonly Entry[]): string {
  const hash = createHash('sha256');
  let text = '';
  for (const { name, fact } of entries) {
    text += `${name}\0${fact}\n`;
    if (text.length < 65_536) continue;
    hash.update(text);
    text = '';
  }
  return hash.update(text).digest('hex');
}

function typeOf(stat: BigIntStats): number {
  return Number(stat.mode) & S_IF.MT;
}

/** Several names of one file are read once. */
function contentKey({ path, stat }: Child): string {
  return stat.nlink > 1 ? `${stat.dev}:${stat.ino}` : path;
}

function clockNanos(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

function xattrsOf(path: string): string[] {
  const names = llistXattr(path);
  if (names.length === 0) return names;
  return names
    .filter((name) => !name.startsWith('trusted.') && !name.startsWith('system.'))
    .filter((name) => !name.startsWith('security.') || name === 'security.capability')
    .toSorted()
    .map((name) => `${name}=${lgetXattr(path, name)?.toString('hex') ?? ''}`);
}
