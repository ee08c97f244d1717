import type { EscapeCharacter } from './directives.ts';

/** Text of an instruction whose form is wrong; the parser adds the line. */
export class Malformed extends Error {}

/**
 * The exec form: a JSON array of strings. `undefined` if the text is no JSON array: then it is the shell form.
 * @throws {Malformed} at a JSON array that holds anything else than strings
 */
export function parseExecForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (!value.every((item): item is string => typeof item === 'string')) {
    throw new Malformed('when using JSON array syntax, arrays must be comprised of strings only');
  }
  return value;
}

/** Words at blanks; quotes mean nothing here (COPY, FROM, EXPOSE, VOLUME). */
export function splitBlanks(text: string): string[] {
  return text.trim() === '' ? [] : text.trim().split(/\s+/);
}

/** Words at blanks outside of quotes; quotes and escapes stay in, for the expansion to take away (ENV, LABEL, ARG). */
export function splitQuoted(text: string, escape: EscapeCharacter): string[] {
  const words: string[] = [];
  let word = '';
  let started = false;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? '';
    if (quote === '' && /\s/.test(c)) {
      if (started) words.push(word);
      word = '';
      started = false;
      continue;
    }
    if (c === escape && quote !== "'") {
      if (i + 1 === text.length) break;
      word += c + (text[++i] ?? '');
      started = true;
      continue;
    }
    if (quote === '' && (c === '"' || c === "'")) quote = c;
    else if (c === quote) quote = '';
    word += c;
    started = true;
  }
  if (started) words.push(word);
  return words;
}

export interface Pair {
  readonly name: string;
  readonly value: string;
}

/**
 * `name=value …`, or the old form `name rest of the line`.
 * @throws {Malformed}
 */
export function parsePairs(keyword: string, text: string, escape: EscapeCharacter): Pair[] {
  const words = splitQuoted(text, escape);
  const first = words[0];
  if (first === undefined) throw new Malformed(`${keyword} requires at least one argument`);
  if (!first.includes('=')) {
    const [, name, value] = /^(\S+)\s+([\s\S]+)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new Malformed(`${keyword} must have two arguments`);
    return [{ name, value }];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0) {
      throw new Malformed(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    if (equals === 0) throw new Malformed(`${keyword} names can not be blank`);
    return { name: word.slice(0, equals), value: word.slice(equals + 1) };
  });
}

export interface Flag {
  readonly name: string;
  /** `undefined`: given without `=`. */
  readonly value: string | undefined;
}

/** Leading words that begin with `--`, quotes taken away; a bare `--` ends them. */
export function takeFlags(text: string, escape: EscapeCharacter): { flags: Flag[]; rest: string } {
  const flags: Flag[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text[at] ?? '')) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    let word = '';
    let quote = '';
    for (; at < text.length; at++) {
      const c = text[at] ?? '';
      if (quote === '' && /\s/.test(c)) break;
      if (c === escape && quote !== "'") word += text[++at] ?? '';
      else if (quote === '' && (c === '"' || c === "'")) quote = c;
      else if (c === quote) quote = '';
      else word += c;
    }
    if (word === '--') return { flags, rest: text.slice(at).trimStart() };
    const equals = word.indexOf('=');
    flags.push(
      equals < 0
        ? { name: word.slice(2), value: undefined }
        : { name: word.slice(2, equals), value: word.slice(equals + 1) },
    );
  }
}
