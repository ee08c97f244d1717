import { writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { S_IF } from '../../linux/index.ts';
import { patternToRegExp } from '../context/ignore.ts';
import { stepFailed } from '../errors.ts';
import { isTarFile } from '../files/decompress.ts';
import { digestOfEntries, type Entry, FileTree } from '../files/file-tree.ts';
import { clamp } from '../files/in-root.ts';

/** One thing to copy: found, and its content known. */
export interface Selected {
  readonly tree: FileTree;
  /** The thing itself, with links to it resolved, and all that is below it. */
  readonly entries: readonly [Entry, ...Entry[]];
  /** What it is called in a destination directory. */
  readonly name: string;
  readonly kind: 'directory' | 'file';
  /** To be unpacked instead of copied. */
  readonly archive: boolean;
  /** Of content, modes and owners, with all that is below. */
  readonly digest: string;
  /** With --parents: the directories above it that are kept. */
  readonly parents?: string | undefined;
}

export interface SelectOptions {
  readonly keyword: 'COPY' | 'ADD';
  /** Files of the context, a stage or an image. */
  readonly tree: FileTree;
  readonly fromContext: boolean;
  readonly excludes: ((relative: string) => boolean) | undefined;
  /** `undefined`: archives are known by their content (ADD). */
  readonly unpack: boolean | undefined;
  /** Keeps the directories above each source, from a `/./` in it on. */
  readonly parents: boolean;
  /** The error for a path that is not there. */
  readonly missing: (source: string) => Promise<Error>;
  /** A pattern may match nothing. */
  readonly orNothing: boolean;
}

/**
 * Finds what one source word of COPY or ADD means, in lexical order.
 * @throws {WharfError} `BUILD_STEP_FAILED` if nothing is there
 */
export async function selectSource(source: string, options: SelectOptions): Promise<Selected[]> {
  const { tree, keyword } = options;
  const wild = hasWildcard(source);
  const [before = '', after] = options.parents ? source.split('/./', 2) : [];
  const pivot = after === undefined ? '' : clamp(before);
  const paths = wild ? expandWildcards(tree, clamp(source), options.parents) : [clamp(source)];
  const found: Selected[] = [];
  for (const path of paths) {
    const [first, ...below] = await tree.entries(tree.resolve(path), options.excludes);
    if (first === undefined) {
      if (wild) continue;
      throw await options.missing(source);
    }
    found.push({
      tree,
      entries: [first, ...below],
      name: posix.basename(path),
      ...(options.parents ? { parents: posix.dirname(posix.relative(pivot, path)) } : {}),
      kind: first.type === S_IF.DIR ? 'directory' : 'file',
      archive: options.unpack ?? (keyword === 'ADD' && options.fromContext && (await isArchive(tree, first))),
      digest: digestOfEntries([first, ...below]),
    });
  }
  if (found.length === 0 && !options.orNothing)
    throw stepFailed({ message: `${keyword} failed: no source files were specified` });
  return found;
}

async function isArchive(tree: FileTree, entry: Entry): Promise<boolean> {
  if (entry.type !== S_IF.REG) return false;
  using file = tree.open(entry);
  return await isTarFile(file.path);
}

/** A file made of text (a here-document), kept in `scratch`. */
export async function selectText(name: string, text: string, scratch: string): Promise<Selected> {
  const base = posix.basename(name);
  await writeFile(join(scratch, base), text, { mode: 0o644 });
  return selectMade(new FileTree(scratch), base, { name: base, archive: false });
}

/**
 * Something that the build has made or fetched itself.
 * @param what `digest`: what stands for it, if not its content
 */
export async function selectMade(
  tree: FileTree,
  path: string,
  what: { readonly name: string; readonly archive: boolean; readonly digest?: string },
): Promise<Selected> {
  const [first, ...below] = await tree.entries(path);
  if (first === undefined) throw new Error(`${path} is not there`);
  const entries = [first, ...below] as const;
  const kind = first.type === S_IF.DIR ? 'directory' : 'file';
  return { tree, entries: [first, ...below], kind, digest: digestOfEntries(entries), ...what };
}

export function hasWildcard(source: string): boolean {
  return /[*?[]/.test(source.replace(/\\./g, ''));
}

/** Paths in a tree that a pattern matches, element by element; a `*` never crosses a slash, with `deep` a `**` does. */
function expandWildcards(tree: FileTree, pattern: string, deep: boolean): string[] {
  let found = [''];
  for (const part of pattern.split('/')) {
    const next: string[] = [];
    for (const base of found) {
      if (!hasWildcard(part)) next.push(posix.join(base, part.replace(/\\(.)/g, '$1')));
      else if (deep && part === '**') next.push(...directoriesBelow(tree, base));
      else {
        const matcher = patternToRegExp(part);
        const names = tree.names(tree.resolve(base)).filter((name) => matcher.test(name));
        next.push(...names.map((name) => posix.join(base, name)));
      }
    }
    found = next;
  }
  return found;
}

/** `base` and every directory below it; links are not followed. */
function directoriesBelow(tree: FileTree, base: string): string[] {
  if (tree.stat(base)?.isDirectory() !== true) return [];
  return [base, ...tree.names(base).flatMap((name) => directoriesBelow(tree, posix.join(base, name)))];
}
