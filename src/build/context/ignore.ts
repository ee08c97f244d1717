import { posix } from 'node:path';
import { badContext } from '../errors.ts';

interface Rule {
  readonly negated: boolean;
  readonly pattern: RegExp;
}

/** A `.dockerignore`: patterns anchored at the context's root; the last one that matches a path or one of its parents decides. */
export interface IgnoreRules {
  readonly empty: boolean;
  /** @param path relative to the context, with `/` between its parts */
  excludes(path: string): boolean;
}

/** @throws {WharfError} `BAD_CONTEXT` at a lone `!` or a pattern that is malformed */
export function parseIgnore(text: string): IgnoreRules {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(toRule);
  return {
    empty: rules.length === 0,
    excludes(path) {
      const parts = path.split('/');
      const prefixes = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
      let excluded = false;
      for (const { negated, pattern } of rules) {
        // A rule that would not change the verdict need not be matched.
        if (negated === excluded && prefixes.some((prefix) => pattern.test(prefix))) excluded = !negated;
      }
      return excluded;
    },
  };
}

function toRule(line: string): Rule {
  const negated = line.startsWith('!');
  const text = negated ? line.slice(1).trim() : line;
  if (text === '') throw badContext({ reason: `illegal exclusion pattern: ${JSON.stringify(line)}` });
  const clean = posix.normalize(text).replace(/\/+$/, '').replace(/^\/+/, '');
  return { negated, pattern: patternToRegExp(clean === '' ? '.' : clean) };
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
      out += i + 1 === pattern.length ? '.*' : '(?:.*/)?';
    } else if (c === '*') out += '[^/]*';
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
