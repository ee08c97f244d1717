import { posix } from 'node:path';
import { badContext } from '../errors.ts';

interface Rule {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly negated: boolean;
  readonly pattern: RegExp;
  /** Of each part of the path it names; `null` from a `**` on. */
  readonly parts: readonly (RegExp | null)[];
}

/** What the rules say about one path, kept so that those about the paths below it are found without asking again. */
export interface Verdict {
  readonly excluded: boolean;
  /** By rule: it matches the path or one of its parents. */
  readonly matched: readonly boolean[];
}

/** A `.dockerignore`: patterns anchored at the context's root; the last one that matches a path or one of its parents decides. */
export interface IgnoreRules {
  readonly empty: boolean;
  /** Of the context itself, which is never excluded. */
  readonly root: Verdict;
  /** @param path relative to the context, with `/` between its parts */
  excludes(path: string): boolean;
  /** The line that excludes a path; `undefined`: it is not excluded. */
  excluding(path: string): { readonly line: number; readonly text: string } | undefined;
  /** The verdict on `path`, given that on its parent directory. */
  below(parent: Verdict, path: string): Verdict;
  /** Whether a `!` pattern may take something back in below an excluded directory: if not, it need not be read. */
  mayTakeBackBelow(directory: string): boolean;
}

/** @throws {WharfError} `BAD_CONTEXT` at a lone `!` or a pattern that is malformed */
export function parseIgnore(text: string): IgnoreRules {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, i) => ({ text: line.startsWith('#') ? '' : line.trim(), line: i + 1 }))
    .filter(({ text }) => text !== '')
    .map(toRule);
  const takesBack = rules.filter((rule) => rule.negated);
  const root: Verdict = { excluded: false, matched: rules.map(() => false) };
  const below = (parent: Verdict, path: string): Verdict => {
    let excluded = false;
    const matched = rules.map(({ negated, pattern }, i) => {
      const matches = parent.matched[i] === true || pattern.test(path);
      if (matches) excluded = !negated;
      return matches;
    });
    return { excluded, matched };
  };
  const verdictOn = (path: string): Verdict => {
    let verdict = root;
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      verdict = below(verdict, path.slice(0, end));
    }
    return below(verdict, path);
  };
  return {
    empty: rules.length === 0,
    root,
    below,
    excludes: (path) => rules.length > 0 && verdictOn(path).excluded,
    excluding(path) {
      const { excluded, matched } = verdictOn(path);
      return excluded ? rules[matched.lastIndexOf(true)] : undefined;
    },
    mayTakeBackBelow(directory) {
      const names = directory.split('/');
      return takesBack.some(({ parts }) => {
        for (const [i, name] of names.entries()) {
          const part = parts[i];
          if (part === undefined || part === null) return true;
          if (!part.test(name)) return false;
        }
        return true;
      });
    },
  };
}

function toRule({ text: written, line }: Pick<Rule, 'text' | 'line'>): Rule {
  const negated = written.startsWith('!');
  const text = negated ? written.slice(1).trim() : written;
  if (text === '') throw badContext({ reason: `illegal exclusion pattern: ${JSON.stringify(written)}` });
  const clean = posix.normalize(text).replace(/\/+$/, '').replace(/^\/+/, '') || '.';
  const parts = negated ? clean.split('/').map((part) => (part.includes('**') ? null : partToRegExp(part))) : [];
  return { line, text: written, negated, pattern: patternToRegExp(clean), parts };
}

/** A part that is no pattern by itself (a `[` that holds a slash) may be anything. */
function partToRegExp(part: string): RegExp | null {
  try {
    return patternToRegExp(part);
  } catch {
    return null;
  }
}

/** Twice in a row means the same, but would take a time that doubles with each. */
function once(before: string, piece: string): string {
  return before.endsWith(piece) ? before : before + piece;
}

/**
 * Go's `filepath.Match` with `**` for any number of path elements, as a regular expression for the whole path.
 * @throws {WharfError} `BAD_CONTEXT` at an unclosed `[`
 */
export function patternToRegExp(pattern: string): RegExp {
  let out = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? '';
    if (c === '*' && pattern[i + 1] === '*') {
      i++;
      if (pattern[i + 1] === '/') i++;
      out = once(out, i + 1 === pattern.length ? '.*' : '(?:.*/)?');
    } else if (c === '*') out = once(out, '[^/]*');
    else if (c === '?') out += '[^/]';
    else if (c === '\\' && i + 1 < pattern.length) out += escapeLiteral(pattern[++i] ?? '');
    else if (c === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) throw badContext({ reason: `syntax error in pattern ${JSON.stringify(pattern)}` });
      const negated = pattern[i + 1] === '^';
      const members = pattern.slice(i + (negated ? 2 : 1), end).replace(/[[\]]/g, '\\$&');
      out += `[${negated ? '^/' : ''}${members}]`;
      i = end;
    } else out += escapeLiteral(c);
  }
  try {
    return new RegExp(`^${out}$`, 's');
  } catch (cause) {
    throw badContext({ reason: `syntax error in pattern ${JSON.stringify(pattern)}` }, { cause });
  }
}

function escapeLiteral(c: string): string {
  return c.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
