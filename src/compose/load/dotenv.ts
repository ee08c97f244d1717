import { substitute, TemplateError } from './template.ts';

/** A line that a dotenv file may not have; `line` counts from 1. */
export class DotenvError extends Error {
  override readonly name = 'DotenvError';
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

const KEY = /^[A-Za-z0-9_.\-[\]]$/;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  f: '\f',
  b: '\b',
  a: '\x07',
  '"': '"',
  '\\': '\\',
  "'": "'",
};

/**
 * Reads a file in dotenv format. A bare `KEY` takes its value from `lookup` and is left out if there is none.
 * Values in double quotes or none are interpolated from `lookup`, then from earlier lines.
 * @throws {DotenvError}
 */
export function parseDotenv(text: string, lookup: (name: string) => string | undefined): Map<string, string> {
  const source = (text.startsWith('\uFEFF') ? text.slice(1) : text).replaceAll('\r\n', '\n');
  const values = new Map<string, string>();
  let at = 0;
  const lineAt = (offset: number): number => source.slice(0, offset).split('\n').length;
  const expand = (raw: string, offset: number): string => {
    try {
      return substitute(raw, { lookup: (name) => lookup(name) ?? values.get(name) });
    } catch (e) {
      if (!(e instanceof TemplateError)) throw e;
      throw new DotenvError(
        lineAt(offset),
        e.kind === 'syntax' ? `invalid template: ${JSON.stringify(e.message)}` : e.message,
      );
    }
  };
  while (at < source.length) {
    const char = source[at] ?? '';
    if (/\s/.test(char)) {
      at++;
      continue;
    }
    if (char === '#') {
      at = endOfLine(source, at);
      continue;
    }
    const exported = /^export[ \t]+/.exec(source.slice(at));
    if (exported) at += exported[0].length;
    const keyStart = at;
    while (KEY.test(source[at] ?? '')) at++;
    const key = source.slice(keyStart, at);
    const afterKey = at;
    while (source[at] === ' ' || source[at] === '\t') at++;
    const separator = source[at];
    if (key !== '' && (separator === undefined || separator === '\n' || separator === '#')) {
      const inherited = lookup(key);
      if (inherited !== undefined) values.set(key, inherited);
      continue;
    }
    if (key === '' || (separator !== '=' && separator !== ':')) {
      if (key !== '' && at > afterKey) throw new DotenvError(lineAt(keyStart), 'key cannot contain a space');
      const name = source.slice(keyStart, endOfLine(source, keyStart)).split(/[=:]/)[0] ?? '';
      throw new DotenvError(
        lineAt(keyStart),
        `unexpected character ${JSON.stringify(separator)} in variable name ${JSON.stringify(name)}`,
      );
    }
    at++;
    while (source[at] === ' ' || source[at] === '\t') at++;
    const quote = source[at];
    if (quote === '"' || quote === "'") {
      const end = closingQuote(source, at + 1, quote);
      if (end < 0)
        throw new DotenvError(lineAt(at), `unterminated quoted value ${source.slice(at, endOfLine(source, at))}`);
      const inside = source.slice(at + 1, end);
      values.set(key, quote === "'" ? inside.replaceAll("\\'", "'") : expand(unescape(inside), at));
      at = end + 1;
    } else {
      const end = endOfLine(source, at);
      const raw = source.slice(at, end);
      const comment = /(^|\s)#/.exec(raw);
      values.set(key, expand((comment ? raw.slice(0, comment.index) : raw).trimEnd(), at));
      at = end;
    }
  }
  return values;
}

/** The format of `docker run --env-file`: no quotes, no interpolation; `KEY` alone is inherited. */
export function parseRawEnv(text: string, lookup: (name: string) => string | undefined): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const trimmed = line.trimStart();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const equals = trimmed.indexOf('=');
    const key = equals < 0 ? trimmed : trimmed.slice(0, equals);
    const value = equals < 0 ? lookup(key) : trimmed.slice(equals + 1);
    if (value !== undefined) values.set(key, value);
  }
  return values;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function closingQuote(text: string, from: number, quote: string): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i;
  }
  return -1;
}

/** `\$` becomes `$$`, so that interpolation leaves a dollar sign there. */
function unescape(text: string): string {
  return text.replace(/\\(0[0-7]{1,3}|[\s\S])/g, (all, c: string) => {
    if (c === '$') return '$$';
    if (/^0[0-7]+$/.test(c)) return String.fromCharCode(Number.parseInt(c, 8));
    return ESCAPES[c] ?? all;
  });
}
