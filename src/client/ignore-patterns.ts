import { posix } from 'node:path';
import { invalidIgnorePattern } from './errors.ts';

interface Pattern {
  readonly exception: boolean;
  /** Cleaned, without `!`. */
  readonly text: string;
  readonly matches: (path: string) => boolean;
}

/**
 * `.dockerignore`: which paths of a build context are left out. Patterns are anchored at the root; `**` spans directories;
 * `!` takes back in; the last pattern that matches a path, or a directory above it, decides.
 * Source: moby/patternmatcher, and "Dockerfile reference, .dockerignore file".
 */
export class IgnorePatterns {
  readonly #patterns: readonly Pattern[];

  private constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
  }

  /** @throws {WharfError} `INVALID_IGNORE_PATTERN` */
  static parse(text: string): IgnorePatterns {
    const patterns: Pattern[] = [];
    for (const [i, raw] of text.split('\n').entries()) {
      // Comments are told before blanks are trimmed: " #x" is a pattern.
      if (raw.startsWith('#')) continue;
      let line = (i === 0 ? raw.replace(/^\uFEFF/, '') : raw).trim();
      if (line === '') continue;
      const exception = line.startsWith('!');
      if (exception) line = line.slice(1).trim();
      if (line === '') throw invalidIgnorePattern({ pattern: raw.trim() });
      const cleaned = posix
        .normalize(line)
        .replace(/(.)\/$/, '$1')
        .replace(/^\/(?=.)/, '');
      patterns.push({ exception, text: cleaned, matches: compile(cleaned) });
    }
    return new IgnorePatterns(patterns);
  }

  /** Whether the file or directory at `path` (relative, `/` between names) is left out. */
  ignores(path: string): boolean {
    const parents = prefixesOf(path);
    let ignored = false;
    for (const pattern of this.#patterns) {
      if (pattern.exception !== ignored) continue;
      if (parents.some(pattern.matches)) ignored = !pattern.exception;
    }
    return ignored;
  }

  /** Whether an exception may take something back in below an ignored directory: if not, it need not be read. */
  mayTakeBackBelow(directory: string): boolean {
    const names = directory.split('/');
    return this.#patterns.some((p) => {
      if (!p.exception) return false;
      const wanted = p.text.split('/');
      for (const [i, name] of names.entries()) {
        const segment = wanted[i];
        if (segment === undefined) return true; // the exception names a directory above
        if (segment.includes('**')) return true;
        if (!compile(segment)(name)) return false;
      }
      return true;
    });
  }
}

/** The path itself and every directory above it: `a/b/c` gives `a`, `a/b`, `a/b/c`. */
function prefixesOf(path: string): string[] {
  const names = path.split('/');
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

function compile(pattern: string): (path: string) => boolean {
  // A leading ** with plain text behind it is a suffix test: `**.log` matches `a/b.log`.
  const rest = pattern.slice(2);
  if (pattern.startsWith('**') && rest !== '' && !/[*?[\]\\]/.test(rest)) {
    return (path) => path.endsWith(rest) || (rest.startsWith('/') && path === rest.slice(1));
  }
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? '';
    if (c === '*' && pattern[i + 1] === '*') {
      i++;
      if (pattern[i + 1] === '/') i++;
      source += i === pattern.length - 1 ? '.*' : '(.*/)?';
    } else if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (c === '\\') {
      const next = pattern[++i];
      if (next === undefined) throw invalidIgnorePattern({ pattern });
      source += escapeText(next);
    } else if (c === '[') {
      const end = classEnd(pattern, i);
      source += classSource(pattern.slice(i + 1, end));
      i = end;
    } else source += escapeText(c);
  }
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`, 'su');
  } catch (cause) {
    throw invalidIgnorePattern({ pattern }, { cause });
  }
  return (path) => expression.test(path);
}

function classEnd(pattern: string, open: number): number {
  for (let i = open + 1; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === ']' && i > open + 1) return i;
  }
  throw invalidIgnorePattern({ pattern });
}

/** The inside of `[...]`: ranges and `^` mean what they do in a regular expression, everything else is itself. */
function classSource(inside: string): string {
  const body = inside.replace(/^\^/, '');
  const escaped = body.replace(/\\(.)|[[\]&~|!#$%*+,.:;<=>?@`^{}()/"']/gsu, (all, quoted?: string) =>
    quoted === undefined ? hex(all) : hex(quoted),
  );
  return `[${inside.startsWith('^') ? '^' : ''}${escaped}]`;
}

function escapeText(c: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

function hex(c: string): string {
  return `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`;
}
