import type { BigIntStats } from 'node:fs';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, sha256 } from '../../core/digest.ts';

/** What told a file from the one it was before: with the same numbers it is taken for unchanged. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

interface Known extends Identity {
  /** All that matters about the file, as a text. */
  readonly fact: string;
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
const FORMAT = 1;

/** What is known of the files below one directory from the last time they were read, by path. */
export class KnownFiles {
  readonly #before: ReadonlyMap<string, Known>;
  readonly #now = new Map<string, Known>();
  #changed = false;

  constructor(before: ReadonlyMap<string, Known> = new Map()) {
    this.#before = before;
  }

  /** What was noted of a file, if it is still the same file, unchanged. */
  find(path: string, stat: BigIntStats): string | undefined {
    const known = this.#before.get(path) ?? this.#now.get(path);
    if (known === undefined || !isSame(known, stat)) return undefined;
    this.#now.set(path, known);
    return known.fact;
  }

  /**
   * Notes what was read of a file, unless it was changed so short a time before that one more change might not show.
   * @param readAtNanos the time before the first byte was read
   */
  note(path: string, stat: BigIntStats, fact: string, readAtNanos: bigint): void {
    const { dev, ino, size, mtimeNs, ctimeNs } = stat;
    const tick = ctimeNs % SECOND_NANOS === 0n ? COARSE_TICK_NANOS : TICK_NANOS;
    if (ctimeNs > readAtNanos - tick) return;
    this.#now.set(path, { dev, ino, size, mtimeNs, ctimeNs, fact });
    this.#changed = true;
  }

  /** What to know the next time: what was looked at now, and what was not looked at but may still be so. */
  entries(): ReadonlyMap<string, Known> {
    return this.#before.size > MOST_FILES ? this.#now : new Map([...this.#before, ...this.#now]);
  }

  get changed(): boolean {
    return this.#changed;
  }
}

/** Whether a file is the one that it was, and nothing about it has changed. */
export function isSame(a: Identity, b: Identity): boolean {
  return a.ctimeNs === b.ctimeNs && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.dev === b.dev;
}

interface List {
  files: ReadonlyMap<string, Known>;
  timer: NodeJS.Timeout | undefined;
}

/** The lists of known files, by directory: in memory while they are used, else on disk. They only save work: any may be lost. */
export class KnownDirectories {
  readonly #directory: string;
  readonly #lists = new Map<string, List>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param identity names a directory; the files are checked one by one, so a false one only costs */
  open(identity: string): KnownFiles {
    const list = this.#lists.get(identity) ?? this.#keep(identity, this.#read(identity));
    list.timer?.refresh();
    return new KnownFiles(list.files);
  }

  /** Keeps what a build has learned about the files of a directory. */
  close(identity: string, files: KnownFiles): void {
    if (!files.changed) return;
    const known = files.entries();
    this.#keep(identity, known);
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(identity);
    const temporary = `${path}.${process.pid}.new`;
    const rows = [...known].map(([name, { dev, ino, size, mtimeNs, ctimeNs, fact }]) => [
      name,
      `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`,
      fact,
    ]);
    writeFileSync(temporary, JSON.stringify({ format: FORMAT, rows }), { mode: 0o600 });
    renameSync(temporary, path);
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

  #keep(identity: string, files: ReadonlyMap<string, Known>): List {
    clearTimeout(this.#lists.get(identity)?.timer);
    const timer = setTimeout(() => this.#lists.delete(identity), IDLE_MS).unref();
    const list = { files, timer };
    this.#lists.set(identity, list);
    return list;
  }

  #read(identity: string): ReadonlyMap<string, Known> {
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
  const [dev = 0n, ino = 0n, size = 0n, mtimeNs = 0n, ctimeNs = 0n] = numbers.split(' ').map(BigInt);
  return { dev, ino, size, mtimeNs, ctimeNs, fact };
}
