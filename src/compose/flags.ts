import { didYouMean } from '../core/nearest.ts';
import { composeUsage } from './errors.ts';

/** How one flag is written; `value` names its argument in the help text, without it the flag is a switch. */
export interface Flag {
  /** `-f, --file` */
  readonly names: string;
  readonly help: string;
  readonly value?: string;
  /** Given several times, all values count. */
  readonly many?: boolean;
  /** Accepted, not shown. */
  readonly hidden?: boolean;
  /** What a flag with `value` gets when it stands alone. */
  readonly bare?: string;
}
export type Flags = Readonly<Record<string, Flag>>;

/** What was given: switches as booleans, values as text, repeated ones as lists. */
export type Parsed<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends { readonly many: true }
    ? readonly string[]
    : F[K] extends { readonly value: string }
      ? string | undefined
      : boolean;
};

export interface ParseResult<F extends Flags> {
  readonly flags: Parsed<F>;
  readonly args: readonly string[];
  /** Which flags were given at all. */
  readonly given: ReadonlySet<string>;
}

/**
 * Reads flags as docker's CLI does: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-abc`, `--switch=false`, `--`.
 * @param stopAtFirst everything from the first argument on is arguments
 * @throws {WharfError} `COMPOSE_USAGE`
 */
export function parseFlags<F extends Flags>(argv: readonly string[], flags: F, stopAtFirst = false): ParseResult<F> {
  const byName = new Map<string, [string, Flag]>();
  const values: Record<string, string | boolean | string[] | undefined> = {};
  for (const [key, flag] of Object.entries(flags)) {
    values[key] = flag.many ? [] : flag.value === undefined ? false : undefined;
    for (const name of flag.names.split(/,\s*/)) byName.set(name, [key, flag]);
  }
  const given = new Set<string>();
  const args: string[] = [];
  const set = (key: string, flag: Flag, written: string, value: string | undefined): void => {
    given.add(key);
    if (flag.value === undefined) {
      if (value !== undefined && !/^(true|false|1|0|t|f)$/i.test(value)) {
        throw composeUsage({
          message: `invalid argument "${value}" for "${flag.names}" flag: strconv.ParseBool: parsing "${value}": invalid syntax`,
        });
      }
      values[key] = value === undefined || /^(true|1|t)$/i.test(value);
    } else if (value === undefined) {
      throw composeUsage({
        message: written.startsWith('--')
          ? `flag needs an argument: ${written}`
          : `flag needs an argument: '${written.slice(1)}' in ${written}`,
      });
    } else if (flag.many) (values[key] as string[]).push(value);
    else values[key] = value;
  };
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? '';
    if (arg === '--') {
      args.push(...argv.slice(i + 1));
      break;
    }
    if (/^[\u2012-\u2015]/.test(arg)) {
      throw composeUsage({
        message: `"${arg}" begins with a typographic dash, not a hyphen; did you mean "${hyphenated(arg)}"?`,
      });
    }
    if (!arg.startsWith('-') || arg === '-') {
      if (stopAtFirst) {
        args.push(...argv.slice(i));
        break;
      }
      args.push(arg);
      continue;
    }
    if (arg.startsWith('--')) {
      const equals = arg.indexOf('=');
      const name = equals < 0 ? arg : arg.slice(0, equals);
      const found = byName.get(name);
      if (!found)
        throw composeUsage({
          message: `unknown flag: ${name}${didYouMean(
            name,
            [...byName.keys()].filter((n) => n.startsWith('--')),
          )}`,
        });
      const [key, flag] = found;
      if (equals >= 0) set(key, flag, name, arg.slice(equals + 1));
      else if (flag.value === undefined) set(key, flag, name, undefined);
      else if (flag.bare !== undefined) set(key, flag, name, flag.bare);
      else set(key, flag, name, argv[++i]);
      continue;
    }
    for (let at = 1; at < arg.length; at++) {
      const letter = `-${arg[at] ?? ''}`;
      const found = byName.get(letter);
      if (!found) throw composeUsage({ message: `unknown shorthand flag: '${arg[at] ?? ''}' in ${arg}` });
      const [key, flag] = found;
      if (flag.value === undefined) {
        if (arg[at + 1] === '=') {
          set(key, flag, letter, arg.slice(at + 2));
          break;
        }
        set(key, flag, letter, undefined);
        continue;
      }
      const rest = arg.slice(at + 1);
      set(key, flag, letter, rest === '' ? argv[++i] : rest.replace(/^=/, ''));
      break;
    }
  }
  return { flags: values as Parsed<F>, args, given };
}

function hyphenated(arg: string): string {
  const word = arg.replace(/^[\u2012-\u2015]+-?/, '');
  return `${word.length === 1 ? '-' : '--'}${word}`;
}

/** A count or number of seconds. @throws {WharfError} `COMPOSE_USAGE` */
export function wholeNumber(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw composeUsage({
      message: `invalid argument "${text}" for "${flag}" flag: strconv.ParseInt: parsing "${text}": invalid syntax`,
    });
  }
  return Number(text);
}

/** How environment variables say yes. */
export function isTrue(text: string | undefined): boolean {
  return /^(1|t|true|y)$/i.test(text ?? '');
}

/** The help text of a list of flags, in two columns. */
export function flagHelp(flags: Flags): string {
  const rows = Object.values(flags)
    .filter((f) => !f.hidden)
    .map((f) => {
      const short = /^-\w,/.test(f.names) ? f.names : `    ${f.names}`;
      return [`  ${short}${f.value === undefined ? '' : ` ${f.value}`}`, f.help] as const;
    });
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, right]) => `${left.padEnd(width)}${right}`).join('\n');
}

/** The value of `--pull`. @throws {WharfError} `COMPOSE_USAGE` */
export function pullFlag(text: string | undefined): string | undefined {
  const known = ['always', 'missing', 'never', 'build', 'if_not_present', 'policy'];
  if (text === undefined || known.includes(text)) return text;
  throw composeUsage(
    { message: `invalid --pull option "${text}"` },
    { hint: `expected ${known.slice(0, 4).join(', ')}` },
  );
}
