import { goJson, goPrintf, goText, goType, NO_VALUE } from './print-value.ts';

type TemplateFunction = (...args: unknown[]) => unknown;

/** What templates may call: Go's built-ins (`and` and `or` are evaluated lazily elsewhere) and docker's additions. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  and: (...args) => args.find((a) => !isTrue(a)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: (value) => !isTrue(value),
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce(indexed, value),
  slice: (value, from = 0, to) => {
    const whole = typeof value === 'string' ? Buffer.from(value) : value;
    if (!Buffer.isBuffer(whole) && !Array.isArray(whole)) throw new Error(`can't slice item of type ${goType(value)}`);
    const [start, end] = [Number(from), to === undefined ? whole.length : Number(to)];
    const wrong = [start, end].find((i) => !(i >= 0 && i <= whole.length));
    if (wrong !== undefined) throw new Error(`index out of range: ${wrong}`);
    if (start > end) throw new Error(`invalid slice index: ${start} > ${end}`);
    return Buffer.isBuffer(whole) ? whole.subarray(start, end).toString() : (whole.slice(start, end) as unknown);
  },
  print: (...args) => printed(args),
  println: (...args) => `${args.map(goText).join(' ')}\n`,
  printf: (format, ...args) => goPrintf(goText(format), args),
  html: (...args) => printed(args).replace(/[&<>"']/g, (c) => HTML[c] ?? c),
  js: (...args) => JSON.stringify(printed(args)).slice(1, -1).replaceAll("'", "\\'"),
  urlquery: (...args) => encodeURIComponent(printed(args)).replaceAll('%20', '+'),
  call: (f, ...args) => {
    if (typeof f !== 'function') throw new Error(`non-function ${goText(f)} of type ${goType(f)}`);
    return (f as TemplateFunction)(...args);
  },
  eq: (first, ...others) => {
    if (others.length === 0) throw new Error('missing argument for comparison');
    return others.some((o) => comparable(first, o) && first === o);
  },
  ne: (a, b) => !(comparable(a, b) && a === b),
  lt: (a, b) => ordered(a, b, (c) => c < 0),
  le: (a, b) => ordered(a, b, (c) => c <= 0),
  gt: (a, b) => ordered(a, b, (c) => c > 0),
  ge: (a, b) => ordered(a, b, (c) => c >= 0),
  json: (value) => goJson(plain(value), isRow(value)),
  split: (text, separator) => goText(text).split(goText(separator)),
  join: (list, separator) => (Array.isArray(list) ? list.map(goText).join(goText(separator)) : goText(list)),
  title: (text) =>
    goText(text).replace(/(^|[\s_-])(\p{L})/gu, (all, _b, letter: string) => all.replace(letter, letter.toUpperCase())),
  lower: (text) => goText(text).toLowerCase(),
  upper: (text) => goText(text).toUpperCase(),
  pad: (text, before, after) => {
    const padded = goText(text);
    return padded === '' ? '' : ' '.repeat(Number(before)) + padded + ' '.repeat(Number(after));
  },
  truncate: (text, length) => goText(text).slice(0, Number(length)),
};

type Parameter = 'any' | 'string' | 'integer' | '[]string';

/** What functions take; a last `...` stands for any number of any values. */
const PARAMETERS: Readonly<Record<string, readonly (Parameter | '...')[]>> = {
  and: ['any', '...'],
  or: ['any', '...'],
  not: ['any'],
  len: ['any'],
  index: ['any', '...'],
  slice: ['any', '...'],
  printf: ['string', '...'],
  call: ['any', '...'],
  json: ['any'],
  split: ['string', 'string'],
  join: ['[]string', 'string'],
  title: ['string'],
  lower: ['string'],
  upper: ['string'],
  pad: ['string', 'integer', 'integer'],
  truncate: ['string', 'integer'],
};

/** What is wrong with the number of arguments, in Go's words. */
export function arityFault(name: string, count: number): string | undefined {
  const wanted = PARAMETERS[name] ?? ['...'];
  const least = wanted.filter((p) => p !== '...').length;
  const open = wanted.includes('...');
  if (open ? count >= least : count === least) return undefined;
  return `wrong number of args for ${name}: want ${open ? 'at least ' : ''}${least} got ${count}`;
}

/** What is wrong with an argument, in Go's words; `literal` is its text if it was written out. */
export function argumentFault(
  name: string,
  i: number,
  value: unknown,
  literal: string | undefined,
): string | undefined {
  const wanted = PARAMETERS[name]?.[i] ?? 'any';
  if (wanted === 'any' || wanted === '...' || value === NO_VALUE || value === null || value === undefined) {
    return undefined;
  }
  const fits =
    wanted === '[]string'
      ? Array.isArray(value)
      : wanted === 'integer'
        ? typeof value === 'number'
        : typeof value === 'string';
  if (fits) return undefined;
  if (literal !== undefined) return `expected ${wanted}; found ${literal}`;
  return `wrong type for value; expected ${wanted === 'integer' ? 'int' : wanted}; got ${goType(value)}`;
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

/** Empty values are false: zero, "", empty lists and maps, nothing. */
export function isTrue(value: unknown): boolean {
  if (value === NO_VALUE || value === undefined || value === null) return false;
  if (typeof value === 'function') return isTrue((value as () => unknown)());
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return Boolean(value);
}

/** A formatter's row: its JSON comes from Go's encoder with HTML escaping, that of single fields without. */
function isRow(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).some((v) => typeof v === 'function');
}

/** The value as JSON takes it: a formatter's fields are called, those with arguments left out, names sorted. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  if (!entries.some(([, v]) => typeof v === 'function')) return value;
  const fields = entries.flatMap(([k, v]) => {
    if (typeof v !== 'function') return [[k, v] as const];
    return v.length === 0 ? [[k, (v as () => unknown)()] as const] : [];
  });
  return Object.fromEntries(fields.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Go's Sprint: blanks between operands when neither is a string. */
function printed(args: readonly unknown[]): string {
  return args.reduce<string>((text, arg, i) => {
    const blank = i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string';
    return text + (blank ? ' ' : '') + goText(arg);
  }, '');
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  if (value === null) return 0;
  throw new Error(`len of type ${goType(value)}`);
}

function indexed(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const i = Number(key);
    if (typeof key !== 'number') throw new Error(`cannot index slice/array with type ${typeof key}`);
    if (i < 0 || i >= value.length) throw new Error(`index out of range: ${i}`);
    return value[i] as unknown;
  }
  if (typeof value === 'string' && typeof key === 'number') {
    const byte = Buffer.from(value)[key];
    if (byte === undefined) throw new Error(`index out of range: ${key}`);
    return byte;
  }
  if (value === null) throw new Error('index of untyped nil');
  if (typeof value === 'object') {
    const found = (value as Record<string, unknown>)[goText(key)];
    return found === undefined ? '' : found;
  }
  throw new Error(
    value === undefined || value === NO_VALUE ? 'index of untyped nil' : `can't index item of type ${goType(value)}`,
  );
}

function comparable(a: unknown, b: unknown): boolean {
  const simple = (v: unknown) => v === null || v === NO_VALUE || v === undefined || typeof v !== 'object';
  const complex = [a, b].find((v) => !simple(v));
  if (complex !== undefined) throw new Error(`non-comparable type ${goText(complex)}: ${goType(complex)}`);
  if (typeof a !== typeof b && a !== null && b !== null && typeof a !== 'symbol' && typeof b !== 'symbol') {
    throw new Error('incompatible types for comparison');
  }
  return true;
}

function ordered(a: unknown, b: unknown, holds: (order: number) => boolean): boolean {
  if (typeof a === 'number' && typeof b === 'number') return holds(a - b);
  if (typeof a === 'string' && typeof b === 'string') return holds(a < b ? -1 : a > b ? 1 : 0);
  throw new Error(typeof a === typeof b ? 'invalid type for comparison' : 'incompatible types for comparison');
}
