import { readdirSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { patternToRegExp } from '../context/ignore.ts';
import { stepFailed } from '../errors.ts';
import { isTarFile } from '../files/decompress.ts';
import { TreeDigests } from '../files/digest-tree.ts';
import { clamp, resolveInRoot, statOf } from '../files/in-root.ts';

/** One thing to copy: found, and its content known. */
export interface Selected {
  /** On the host; links resolved. */
  readonly path: string;
  /** What it is called in a destination directory. */
  readonly name: string;
  readonly kind: 'directory' | 'file';
  /** To be unpacked instead of copied. */
  readonly archive: boolean;
  /** Of content, modes and owners, with all that is below. */
  readonly digest: string;
  /** What stands for each file below it, by its path there; `''` is a file itself. */
  readonly files?: ReadonlyMap<string, string> | undefined;
  /** With --parents: the directories above it that are kept. */
  readonly parents?: string | undefined;
}

export interface SelectOptions {
  readonly keyword: 'COPY' | 'ADD';
  /** Files of the context, a stage or an image. */
  readonly tree: TreeDigests;
  readonly fromContext: boolean;
  readonly excludes: (relative: string) => boolean;
  /** `undefined`: archives are known by their content (ADD). */
  readonly unpack: boolean | undefined;
  /** Keeps the directories above each source, from a `/./` in it on. */
  readonly parents: boolean;
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
  const paths = wild ? await expandWildcards(tree.root, clamp(source), options.parents) : [clamp(source)];
  const found: Selected[] = [];
  for (const path of paths) {
    const resolved = resolveInRoot(tree.root, path);
    const full = join(tree.root, resolved);
    const stat = statOf(full);
    if (stat === undefined) {
      if (wild) continue;
      const where = options.fromContext ? 'file not found in build context or excluded by .dockerignore: ' : '';
      throw stepFailed({
        message: `${keyword} failed: ${where}stat ${source.replace(/^\//, '')}: file does not exist`,
      });
    }
    const directory = stat.isDirectory();
    const files = new Map<string, string>();
    found.push({
      path: full,
      name: posix.basename(path),
      ...(options.parents ? { parents: posix.dirname(posix.relative(pivot, path)) } : {}),
      kind: directory ? 'directory' : 'file',
      archive: options.unpack ?? (keyword === 'ADD' && options.fromContext && stat.isFile() && (await isTarFile(full))),
      digest: await tree.of(resolved, options.excludes, files),
      files,
    });
  }
  if (found.length === 0) throw stepFailed({ message: `${keyword} failed: no source files were specified` });
  return found;
}

/** A file made of text (a here-document), kept in `scratch`. */
export async function selectText(name: string, text: string, scratch: string): Promise<Selected> {
  const base = posix.basename(name);
  await writeFile(join(scratch, base), text, { mode: 0o644 });
  return {
    path: join(scratch, base),
    name: base,
    kind: 'file',
    archive: false,
    digest: await new TreeDigests(scratch).of(base),
  };
}

export function hasWildcard(source: string): boolean {
  return /[*?[]/.test(source.replace(/\\./g, ''));
}

/** Paths below `root` that a pattern matches, element by element; a `*` never crosses a slash, with `deep` a `**` does. */
async function expandWildcards(root: string, pattern: string, deep: boolean): Promise<string[]> {
  let found = [''];
  for (const part of pattern.split('/')) {
    const next: string[] = [];
    for (const base of found) {
      if (!hasWildcard(part)) {
        next.push(posix.join(base, part.replace(/\\(.)/g, '$1')));
        continue;
      }
      const directory = join(root, resolveInRoot(root, base));
      if (deep && part === '**') {
        next.push(...directoriesBelow(root, base));
        continue;
      }
      if (!statOf(directory)?.isDirectory()) continue;
      const matcher = patternToRegExp(part);
      const names = (await readdir(directory)).filter((name) => matcher.test(name)).toSorted();
      next.push(...names.map((name) => posix.join(base, name)));
    }
    found = next;
  }
  return found;
}

/** `base` and every directory below it; links are not followed. */
function directoriesBelow(root: string, base: string): string[] {
  const full = join(root, base);
  if (!statOf(full)?.isDirectory()) return [];
  const below = readdirSync(full, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
  return [base, ...below.flatMap((name) => directoriesBelow(root, posix.join(base, name)))];
}
