import type { BigIntStats } from 'node:fs';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, sha256 } from '../../core/digest.ts';

/** What tells a file from the one it was before: with the same numbers it is taken for unchanged. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** What matters of stat(2). */
export interface FileStat extends Identity {
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: bigint;
}

/** A file as it was when it was read. */
export interface Known extends FileStat {
  /** All that matters about the file, as a text. */
  readonly fact: string;
  /** When it was last looked at: the number of a list's use. */
  seen: number;
}

/** Two changes within so short a time can carry the same time stamp. */
const TICK_NANOS = 50_000_000n;
/** The same where file systems keep whole seconds. */
const COARSE_TICK_NANOS = 2_000_000_000n;
const SECOND_NANOS = 1_000_000_000n;

/** How long a list that nobody uses is kept in memory, and how many are kept on disk. */
const IDLE_MS = 5 * 60_000;
const MOST_LISTS = 32;
/** Of a longer list only what was looked at is kept: files that are gone are not to stay in it for ever. */
const MOST_FILES = 100_000;
const FORMAT = 2;

/** Only what is kept: a stat of Node's has three times as much in it, which costs when there are many. */
export function slim({ dev, ino, size, mtimeNs, ctimeNs, mode, nlink, uid, gid, rdev }: BigIntStats): FileStat {
  const numbers = { mode: Number(mode), nlink: Number(nlink), uid: Number(uid), gid: Number(gid) };
  return { dev, ino, size, mtimeNs, ctimeNs, rdev, ...numbers };
}

/** What is known of the files below one directory from the last time they were read, by path. */
export class KnownFiles {
  readonly #list: List;
  readonly #use: number;

  constructor(list: List = { files: new Map(), uses: 0, changed: false }) {
    this.#list = list;
    this.#use = ++list.uses;
  }

  /** What was noted of a file, if it is still the same file, unchanged. */
  find(path: string, stat: Identity): Known | undefined {
    const known = this.#list.files.get(path);
    if (known === undefined || !isSame(known, stat)) return undefined;
    known.seen = this.#use;
    return known;
  }

  /**
   * Notes what was read of a file, unless it was changed so short a time before that one more change might not show.
   * @param readAtNanos the time before the first byte was read
   */
  note(path: string, stat: FileStat, fact: string, readAtNanos: bigint): void {
    const tick = stat.ctimeNs % SECOND_NANOS === 0n ? COARSE_TICK_NANOS : TICK_NANOS;
    if (stat.ctimeNs > readAtNanos - tick) return;
    this.#list.files.set(path, { ...stat, fact, seen: this.#use });
    this.#list.changed = true;
  }
}

/** Whether a file is the one that it was, and nothing about it has changed. */
export function isSame(a: Identity, b: Identity): boolean {
  return a.ctimeNs === b.ctimeNs && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.dev === b.dev;
}

interface List {
  readonly files: Map<string, Known>;
  uses: number;
  /** There is something that is not on disk yet. */
  changed: boolean;
}

/** The lists of known files, by directory: in memory while they are used, else on disk. They only save work: any may be lost. */
export class KnownDirectories {
  readonly #directory: string;
  readonly #lists = new Map<string, { readonly list: List; readonly timer: NodeJS.Timeout }>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param identity names a directory; the files are checked one by one, so a false one only costs */
  open(identity: string): KnownFiles {
    return new KnownFiles(this.#listOf(identity));
  }

  /** Keeps what builds have learned about the files of a directory. */
  close(identity: string): void {
    const list = this.#listOf(identity);
    if (!list.changed) return;
    if (list.files.size > MOST_FILES) {
      for (const [path, { seen }] of list.files) if (seen < list.uses) list.files.delete(path);
    }
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(identity);
    const temporary = `${path}.${process.pid}.new`;
    const rows = [...list.files].map(([name, k]) => [
      name,
      [k.dev, k.ino, k.size, k.mtimeNs, k.ctimeNs, k.rdev, k.mode, k.nlink, k.uid, k.gid].join(' '),
      k.fact,
    ]);
    writeFileSync(temporary, JSON.stringify({ format: FORMAT, rows }), { mode: 0o600 });
    renameSync(temporary, path);
    list.changed = false;
  }

  /** Forgets the oldest of too many. */
  trim(): void {
    const paths = this.#paths();
    const byAge = paths.map((path) => ({ path, usedMs: statSync(path).mtimeMs })).sort((a, b) => b.usedMs - a.usedMs);
    for (const { path } of byAge.slice(MOST_LISTS)) rmSync(path, { force: true });
  }

  clear(): void {
    for (const { timer } of this.#lists.values()) clearTimeout(timer);
    this.#lists.clear();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #listOf(identity: string): List {
    const there = this.#lists.get(identity);
    if (there !== undefined) {
      there.timer.refresh();
      return there.list;
    }
    const list: List = { files: this.#read(identity), uses: 0, changed: false };
    const timer = setTimeout(() => this.#lists.delete(identity), IDLE_MS).unref();
    this.#lists.set(identity, { list, timer });
    return list;
  }

  #read(identity: string): Map<string, Known> {
    const path = this.#pathOf(identity);
    try {
      const { format, rows } = JSON.parse(readFileSync(path, 'utf8')) as { format: number; rows: string[][] };
      if (format !== FORMAT) return new Map();
      const now = new Date();
      utimesSync(path, now, now);
      return new Map(rows.map(([name = '', numbers = '', fact = '']) => [name, knownOf(numbers, fact)]));
    } catch {
      return new Map(); // none yet, or one that a power cut spoiled
    }
  }

  #paths(): string[] {
    try {
      return readdirSync(this.#directory).map((name) => join(this.#directory, name));
    } catch {
      return [];
    }
  }

  #pathOf(identity: string): string {
    return join(this.#directory, `${hexOf(sha256(identity)).slice(0, 32)}.json`);
  }
}

function knownOf(numbers: string, fact: string): Known {
  const [dev = 0n, ino = 0n, size = 0n, mtimeNs = 0n, ctimeNs = 0n, rdev = 0n, ...rest] = numbers
    .split(' ')
    .map(BigInt);
  const [mode = 0, nlink = 1, uid = 0, gid = 0] = rest.map(Number);
  return { dev, ino, size, mtimeNs, ctimeNs, rdev, mode, nlink, uid, gid, fact, seen: 0 };
}
