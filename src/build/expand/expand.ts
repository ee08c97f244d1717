import { expansionFailed } from '../errors.ts';
import type { EscapeCharacter } from '../dockerfile/directives.ts';
import { dropPrefix, dropSuffix, InvalidPattern, replaceMatches } from './glob.ts';

/** Value of a variable; `undefined`: not set. */
export type Lookup = (name: string) => string | undefined;

/**
 * Expands one word of a Dockerfile: variables in all their forms, quotes and escapes taken away.
 * @throws {WharfError} `EXPANSION_FAILED`
 */
export function expandWord(word: string, lookup: Lookup, escape: EscapeCharacter): string {
  return new Expansion(word, lookup, escape, true).run();
}

/**
 * Expands the body of a here-document: variables and escapes; quotes are ordinary characters. A backslash escapes, whatever the
 * file's own escape is, and goes from before any character, as with BuildKit.
 * @throws {WharfError} `EXPANSION_FAILED`
 */
export function expandText(text: string, lookup: Lookup): string {
  return new Expansion(text, lookup, '\\', false).run();
}

class Expansion {
  readonly #word: string;
  readonly #lookup: Lookup;
  readonly #escape: string;
  readonly #quotes: boolean;
  #at = 0;

  constructor(word: string, lookup: Lookup, escape: string, quotes: boolean) {
    this.#word = word;
    this.#lookup = lookup;
    this.#escape = escape;
    this.#quotes = quotes;
  }

  run(): string {
    return this.#until('');
  }

  #fail(reason: string): Error {
    return expansionFailed({ word: this.#word, reason });
  }

  #peek(): string {
    return this.#word[this.#at] ?? '';
  }

  /**
   * Up to an unquoted `stop`, which is consumed; an empty `stop` means the end.
   * @param raw escapes stay: a pattern has its own use for them
   */
  #until(stop: string, raw = false): string {
    let out = '';
    for (;;) {
      const c = this.#peek();
      if (c === '') {
        if (stop === '') return out;
        throw this.#fail(stop === '}' ? "syntax error: missing '}'" : `syntax error: missing '${stop}' in \${}`);
      }
      if (c === stop) {
        this.#at++;
        return out;
      }
      if (c === "'" && this.#quotes) out += this.#singleQuoted();
      else if (c === '"' && this.#quotes) out += this.#doubleQuoted();
      else if (c === '$') out += this.#dollar();
      else if (c === this.#escape) {
        this.#at++;
        const next = this.#peek();
        if (raw) out += c;
        out += next;
        this.#at += next.length;
      } else {
        out += c;
        this.#at++;
      }
    }
  }

  #singleQuoted(): string {
    const end = this.#word.indexOf("'", this.#at + 1);
    if (end < 0) throw this.#fail('unexpected end of statement while looking for matching single-quote');
    const text = this.#word.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): string {
    let out = '';
    this.#at++;
    for (;;) {
      const c = this.#peek();
      if (c === '') throw this.#fail('unexpected end of statement while looking for matching double-quote');
      if (c === '"') {
        this.#at++;
        return out;
      }
      if (c === '$') {
        out += this.#dollar();
        continue;
      }
      this.#at++;
      if (c !== this.#escape) {
        out += c;
        continue;
      }
      const next = this.#peek();
      if (next === '') throw this.#fail('unexpected end of statement while looking for matching double-quote');
      out += next === '"' || next === '$' || next === this.#escape ? next : c + next;
      this.#at++;
    }
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#lookup(name) ?? '');
    }
    this.#at++;
    if (this.#peek() === '') throw this.#fail("syntax error: missing '}'");
    const name = this.#name();
    if (name === '') throw this.#fail('syntax error: bad substitution');
    const value = this.#lookup(name);
    const operator = this.#peek();
    this.#at++;
    switch (operator) {
      case '}':
        return value ?? '';
      case '':
        throw this.#fail("syntax error: missing '}'");
      case ':': {
        const modifier = this.#peek();
        this.#at++;
        return this.#choose(name, value, modifier, true);
      }
      case '-':
      case '+':
      case '?':
        return this.#choose(name, value, operator, false);
      case '#':
      case '%': {
        const longest = this.#peek() === operator;
        if (longest) this.#at++;
        const pattern = this.#until('}', true);
        const drop = operator === '#' ? dropPrefix : dropSuffix;
        return this.#matching(pattern, () => drop(value ?? '', pattern, longest));
      }
      case '/': {
        const all = this.#peek() === '/';
        if (all) this.#at++;
        const pattern = this.#until('/', true);
        const replacement = this.#until('}');
        return this.#matching(pattern, () => replaceMatches(value ?? '', pattern, replacement, all));
      }
      default:
        throw this.#fail(`unsupported modifier (${operator}) in substitution`);
    }
  }

  /** `emptyIsUnset`: a colon stood before the modifier. */
  #choose(name: string, value: string | undefined, modifier: string, emptyIsUnset: boolean): string {
    if (modifier === '') throw this.#fail("syntax error: missing '}'");
    if (modifier !== '-' && modifier !== '+' && modifier !== '?') {
      throw this.#fail(`unsupported modifier (${emptyIsUnset ? ':' : ''}${modifier}) in substitution`);
    }
    const word = this.#until('}');
    const known = emptyIsUnset && value === '' ? undefined : value;
    if (modifier === '-') return known ?? word;
    if (modifier === '+') return known === undefined ? '' : word;
    if (known !== undefined) return known;
    const why = value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty';
    throw this.#fail(`${name}: ${word === '' ? why : word}`);
  }

  #matching(pattern: string, match: () => string): string {
    try {
      return match();
    } catch (e) {
      if (!(e instanceof InvalidPattern)) throw e;
      throw this.#fail(`invalid pattern (${pattern}) in substitution: ${e.message}`);
    }
  }

  #name(): string {
    const rest = this.#word.slice(this.#at);
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])/.exec(rest)?.[0] ?? '';
    this.#at += name.length;
    return name;
  }
}
