import { nearest } from '../core/nearest.ts';
import { messageOf } from '../core/errors.ts';
import { parseBytes, parseDuration, parseUnsigned } from './spec/quantity.ts';
import { UsageError } from './errors.ts';

/** One option of a command, and how the texts given for it become its value. */
export interface Flag<T> {
  readonly short: string | undefined;
  /** First the name that help shows, then older spellings. */
  readonly names: readonly string[];
  /** What help shows for the value: `string`, `list`, `bytes`; empty for a switch. */
  readonly type: string;
  readonly usage: string;
  readonly initial: T;
  /** The text that the bare flag stands for; `undefined`: it needs an argument. */
  readonly bare: string | undefined;
  readonly shownDefault: string | undefined;
  readonly hidden: boolean;
  /** @throws {Error} the reason why `text` is no value */
  readonly set: (before: T, text: string) => T;
}

// oxlint-disable-next-line typescript/no-explicit-any -- the table's types are told apart by Values below
export type Flags = Readonly<Record<string, Flag<any>>>;
export type Values<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface Extra {
  readonly default?: string;
  readonly hidden?: boolean;
  readonly type?: string;
  /** Throws for a text that is none of the option's, so that a wrong one is an error of the flag. */
  readonly check?: (text: string) => void;
}

function define<T>(
  names: string,
  type: string,
  usage: string,
  initial: T,
  set: Flag<T>['set'],
  extra: Extra & { readonly bare?: string } = {},
): Flag<T> {
  const all = names.split(/, */);
  const short = all.find((n) => /^-[^-]$/.test(n))?.slice(1);
  return {
    short,
    names: all.filter((n) => n.startsWith('--')).map((n) => n.slice(2)),
    type: extra.type ?? type,
    usage,
    initial,
    bare: extra.bare,
    shownDefault: extra.default,
    hidden: extra.hidden ?? false,
    set,
  };
}

/** Makers of options; `names` is `-s, --long, --old-spelling`. */
export const flag = {
  bool: (names: string, usage: string, initial = false, extra: Extra = {}): Flag<boolean> =>
    define(names, '', usage, initial, (_, text) => parseBool(text), {
      ...(initial ? { default: 'true' } : {}),
      ...extra,
      bare: 'true',
    }),
  string: (names: string, usage: string, extra: Extra = {}): Flag<string | undefined> =>
    define<string | undefined>(
      names,
      'string',
      usage,
      undefined,
      (_, text) => {
        extra.check?.(text);
        return text;
      },
      extra,
    ),
  list: (names: string, usage: string, extra: Extra = {}): Flag<readonly string[]> =>
    define<readonly string[]>(
      names,
      'list',
      usage,
      [],
      (before, text) => {
        extra.check?.(text);
        return [...before, text];
      },
      extra,
    ),
  /** Repeatable; each text is read at once, so that a wrong one is an error of the flag. */
  each: <T>(names: string, usage: string, parse: (text: string) => T, extra: Extra = {}): Flag<readonly T[]> =>
    define<readonly T[]>(names, 'list', usage, [], (before, text) => [...before, parse(text)], extra),
  /** `key=value`, repeatable; read with `filterPairs`. */
  filter: (names: string, usage: string): Flag<readonly string[]> =>
    define<readonly string[]>(names, 'filter', usage, [], (before, text) => {
      if (text.trim() !== '' && !text.includes('=')) throw new Error('bad format of filter (expected name=value)');
      return [...before, text];
    }),
  int: (names: string, usage: string, extra: Extra = {}): Flag<number | undefined> =>
    define<number | undefined>(names, 'int', usage, undefined, (_, text) => parseInteger(text), extra),
  /** A size with unit, in bytes. */
  bytes: (names: string, usage: string, extra: Extra = {}): Flag<number | undefined> =>
    define<number | undefined>(names, 'bytes', usage, undefined, (_, text) => parseBytes(text), extra),
  /** In nanoseconds. */
  duration: (names: string, usage: string, extra: Extra = {}): Flag<number | undefined> =>
    define<number | undefined>(names, 'duration', usage, undefined, (_, text) => parseDuration(text), extra),
  /** Not negative, below 65536. */
  uint16: (names: string, usage: string, extra: Extra = {}): Flag<number | undefined> =>
    define<number | undefined>(names, 'uint16', usage, undefined, (_, text) => parseUnsigned(text, 65_535), extra),
  /** A rational number with at most nine decimals: `0.5`, `1/2`. */
  decimal: (names: string, usage: string, extra: Extra = {}): Flag<number | undefined> =>
    define<number | undefined>(names, 'decimal', usage, undefined, (_, text) => parseRational(text), extra),
};

function parseBool(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw new Error(`strconv.ParseBool: parsing "${text}": invalid syntax`);
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  return Number(text);
}

function parseRational(text: string): number {
  const m = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\/(\d+))?$/.exec(text);
  const value = Number(m?.[1]) / Number(m?.[2] ?? 1);
  if (m === null || !Number.isFinite(value)) throw new Error(`failed to parse ${text} as a rational number`);
  const billionths = value * 1e9;
  if (Math.abs(billionths - Math.round(billionths)) > 1e-4) throw new Error('value is too precise');
  return value;
}

export interface Parsed<F extends Flags> {
  readonly options: Values<F>;
  /** Keys of the options that were on the command line. */
  readonly given: ReadonlySet<keyof F>;
  readonly args: readonly string[];
  readonly help: boolean;
}

/**
 * Reads a command line as pflag does: `--flag=value`, `--flag value`, `-f value`, `-fvalue`, `-f=value`, `-it`, `--`.
 * @param interspersed whether options may follow the first argument; `run` and `exec` stop there
 * @throws {UsageError} with exit code 125
 */
export function parseFlags<F extends Flags>(flags: F, line: readonly string[], interspersed = true): Parsed<F> {
  const values: Record<string, unknown> = {};
  for (const [key, f] of Object.entries(flags)) values[key] = f.initial;
  const given = new Set<string>();
  const args: string[] = [];
  let help = false;

  const set = (key: string, shown: string, text: string) => {
    const f = flags[key];
    if (f === undefined) return;
    try {
      values[key] = f.set(values[key], text);
    } catch (e) {
      throw new UsageError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${messageOf(e)}`, 125);
    }
    given.add(key);
  };
  for (let i = 0; i < line.length; i++) {
    const word = line[i] ?? '';
    if (word === '--') {
      args.push(...line.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      refuseTypographicDash(word);
      if (!interspersed) {
        args.push(...line.slice(i));
        break;
      }
      args.push(word);
      continue;
    }
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const name = word.slice(2, equals < 0 ? undefined : equals);
      const key = Object.keys(flags).find((k) => flags[k]?.names.includes(name));
      const f = key === undefined ? undefined : flags[key];
      if (key === undefined || f === undefined) {
        if (name === 'help') {
          help = true;
          continue;
        }
        throw unknownFlag(name, flags);
      }
      const value = equals >= 0 ? word.slice(equals + 1) : (f.bare ?? line[++i]);
      if (value === undefined) throw new UsageError(`flag needs an argument: --${name}`, 125);
      set(key, shownName(f), value);
      continue;
    }
    for (let j = 1; j < word.length; j++) {
      const letter = word[j] ?? '';
      const key = Object.keys(flags).find((k) => flags[k]?.short === letter);
      const f = key === undefined ? undefined : flags[key];
      if (key === undefined || f === undefined) {
        if (letter === 'h') {
          help = true;
          continue;
        }
        throw new UsageError(`unknown shorthand flag: '${letter}' in ${word}`, 125);
      }
      const rest = word.slice(j + 1);
      if (rest.startsWith('=')) {
        set(key, shownName(f), rest.slice(1));
        break;
      }
      if (f.bare !== undefined) {
        set(key, shownName(f), f.bare);
        continue;
      }
      const value = rest !== '' ? rest : line[++i];
      if (value === undefined) throw new UsageError(`flag needs an argument: '${letter}' in ${word}`, 125);
      set(key, shownName(f), value);
      break;
    }
  }
  return { options: values as Values<F>, given: given, args, help };
}

function shownName(f: Flag<unknown>): string {
  const long = `--${f.names[0] ?? ''}`;
  return f.short === undefined ? long : `-${f.short}, ${long}`;
}

function unknownFlag(name: string, flags: Flags): UsageError {
  const known = Object.values(flags).flatMap((f) => (f.hidden ? [] : f.names));
  const near = nearest(name, known);
  return new UsageError(`unknown flag: --${name}`, 125, near === undefined ? undefined : `Did you mean --${near}?`);
}

/** Text copied from web pages carries dashes that look like hyphens. */
function refuseTypographicDash(word: string): void {
  const dash = /^[‐-―−]+/u.exec(word)?.[0];
  if (dash === undefined || word.length === dash.length) return;
  const code = (dash.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const rest = word.slice(dash.length);
  const hyphens = rest.length > 1 && !/^.[\d=]/.test(rest) ? '--' : '-';
  throw new UsageError(
    `unknown flag: ${word}: it begins with the dash U+${code}, not with a hyphen`,
    125,
    `Did you mean ${hyphens}${rest}?`,
  );
}
