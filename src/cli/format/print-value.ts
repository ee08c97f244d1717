import { goStructOf, type GoField } from './go-structs.ts';

/** How Go's fmt prints what comes out of a template. */

/** Stands for a key that a map does not have. */
export const NO_VALUE = Symbol('no value');

/** `%v` of a value: maps sorted as `map[a:1 b:2]`, lists as `[a b]`. */
export function goText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return Math.abs(value) >= 1e21 ? value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2') : String(value);
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'symbol':
    case 'undefined':
      return '<no value>';
    case 'function':
      return goText((value as () => unknown)());
    default:
  }
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  const fields = goStructOf(value as Record<string, unknown>);
  if (fields !== undefined) return structText(fields, value as Record<string, unknown>);
  const entries = Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  // Sets, as of ports and volumes: their values have no fields.
  const isSet = entries.length > 0 && entries.every(([k, v]) => !/^[A-Z]/.test(k) && isEmptyObject(v));
  return `map[${entries.map(([k, v]) => `${k}:${isSet ? '{}' : goText(v)}`).join(' ')}]`;
}

function structText(fields: readonly GoField[], value: Readonly<Record<string, unknown>>): string {
  const texts = fields.map((field) => {
    if (!('name' in field)) return structText(field, value);
    const found = value[field.name];
    return found === null || found === undefined ? field.zero : goText(found);
  });
  return `{${texts.join(' ')}}`;
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

/** Go's `%q`. */
export function goQuote(text: string): string {
  let out = '"';
  for (const c of text) {
    const known = QUOTED[c];
    const code = c.codePointAt(0) ?? 0;
    if (known !== undefined) out += known;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += c;
  }
  return `${out}"`;
}

const QUOTED: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
};

/** Go writes maps with their keys in order; the API's objects, whose fields are capitalised, keep theirs. */
function sortedMap(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || 'toJSON' in value) return value;
  const entries = Object.entries(value);
  if (entries.length < 2 || entries.some(([key]) => /^[A-Z]/.test(key))) return value;
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** JSON on one line, as Go's encoder writes it; `html` escapes `<`, `>`, `&`. */
export function goJson(value: unknown, html: boolean): string {
  const text = JSON.stringify(value === NO_VALUE || value === undefined ? null : value, sortedMap);
  return html ? text.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`) : text;
}

/** `fmt.Sprintf`, for the verbs that templates use. */
export function goPrintf(format: string, args: readonly unknown[]): string {
  let next = 0;
  const out = format.replace(
    /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*))?([a-zA-Z%])/g,
    (_all, flags: string, w, p, verb: string) => {
      if (verb === '%') return '%';
      const width = w === '*' ? Number(args[next++]) : w === undefined ? 0 : Number(w);
      const precision = p === '*' ? Number(args[next++]) : p === undefined ? undefined : Number(p);
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const text = verbText(verb, args[next++], precision, flags);
      if (flags.includes('-')) return text.padEnd(width);
      return text.padStart(width, flags.includes('0') && !/[sqv]/.test(verb) ? '0' : ' ');
    },
  );
  const extra = args.slice(next);
  return extra.length === 0 ? out : `${out}%!(EXTRA ${extra.map((a) => `${goType(a)}=${goText(a)}`).join(', ')})`;
}

function verbText(verb: string, value: unknown, precision: number | undefined, flags: string): string {
  if (Array.isArray(value) && 'sqdxXfgeo'.includes(verb)) {
    return `[${value.map((item) => verbText(verb, item, precision, flags)).join(' ')}]`;
  }
  const sign = flags.includes('+') && Number(value) >= 0 ? '+' : '';
  switch (verb) {
    case 's':
    case 'v': {
      const isText = typeof value !== 'number' && typeof value !== 'boolean';
      if (verb === 's' && !isText) return `%!s(${goType(value)}=${goText(value)})`;
      const text = flags.includes('#') && typeof value === 'string' ? goQuote(value) : goText(value);
      return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
    }
    case 'q':
      return goQuote(goText(value));
    case 'd':
      return typeof value === 'number' ? sign + String(Math.trunc(value)) : `%!d(${goType(value)}=${goText(value)})`;
    case 'f':
    case 'F':
      return sign + Number(value).toFixed(precision ?? 6);
    case 'g':
      return sign + (precision === undefined ? String(value) : String(Number(Number(value).toPrecision(precision))));
    case 'x':
    case 'X': {
      const text =
        typeof value === 'number' ? Math.trunc(value).toString(16) : Buffer.from(goText(value)).toString('hex');
      return verb === 'X' ? text.toUpperCase() : text;
    }
    case 'o':
      return Math.trunc(Number(value)).toString(8);
    case 'b':
      return Math.trunc(Number(value)).toString(2);
    case 'U':
      return `U+${Number(value).toString(16).toUpperCase().padStart(4, '0')}`;
    case 'e':
    case 'E': {
      const text = Number(value)
        .toExponential(precision ?? 6)
        .replace(/e([+-])(\d)$/, 'e$10$2');
      return sign + (verb === 'E' ? text.toUpperCase() : text);
    }
    case 'c':
      return String.fromCodePoint(Number(value));
    case 't':
      return String(value);
    case 'T':
      return goType(value);
    default:
      return `%!${verb}(${goType(value)}=${goText(value)})`;
  }
}

/** A type name for messages. */
export function goType(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object' && value !== null) return 'map[string]interface {}';
  return '<nil>';
}
