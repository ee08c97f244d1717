import { posix } from 'node:path';
import { nearest } from '../../core/nearest.ts';
import { Malformed } from './words.ts';

/**
 * `RUN --mount=…`. Relative targets are joined to the working directory when the step runs; then `text`, as written, is read once
 * more, with the values of variables.
 */
export type RunMount = { readonly text: string } & (
  | {
      readonly type: 'bind';
      readonly target: string;
      readonly source: string;
      /** Stage, image, or `undefined`: the build context. */
      readonly from: string | undefined;
      readonly readOnly: boolean;
    }
  | {
      readonly type: 'cache';
      readonly target: string;
      readonly id: string;
      readonly readOnly: boolean;
      readonly sharing: 'shared' | 'private' | 'locked';
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      /** What it holds when it is new: a directory of a stage or an image. */
      readonly from: string | undefined;
      readonly source: string;
    }
  | {
      readonly type: 'secret';
      readonly id: string;
      /** `undefined`: no file, `env` only. */
      readonly target: string | undefined;
      readonly env: string | undefined;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly type: 'ssh';
      readonly id: string;
      /** `undefined`: `/run/buildkit/ssh_agent.N`. */
      readonly target: string | undefined;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes: number | undefined }
);

/** Words that mean `true` when they stand alone. */
const FLAGS: ReadonlySet<string> = new Set(['ro', 'rw', 'required']);
const KEYS = [
  'type',
  'target',
  'dst',
  'destination',
  'source',
  'src',
  'from',
  'rw',
  'readwrite',
  'ro',
  'readonly',
  'id',
  'sharing',
  'mode',
  'uid',
  'gid',
  'size',
  'required',
  'env',
]; // prettier-ignore

/** Words that only one type of mount knows. */
const ONLY_OF: Readonly<Record<string, readonly RunMount['type'][]>> = {
  required: ['secret', 'ssh'],
  env: ['secret'],
  size: ['tmpfs'],
};
const PATHS: ReadonlySet<string> = new Set(['target', 'source', 'id', 'env']);
const SHARING = ['shared', 'private', 'locked'] as const;
const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;

/**
 * Reads the value of `--mount`.
 * @param expand puts in the values of variables. Without it those are not known yet: paths keep them, and what is no path is taken
 * for not given. A type that is not known yet is taken for a bind.
 * @throws {Malformed} in BuildKit's words
 */
export function parseRunMount(text: string, expand?: (word: string) => string): RunMount {
  if (text.trim() === '') throw new Malformed('mount can not be empty');
  const options = new Map<string, string>();
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    const written = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    const key = alias(written);
    if (!KEYS.includes(written)) {
      const near = nearest(written, KEYS);
      const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
      if (equals < 0 && near === undefined) throw new Malformed(`invalid field '${field}' must be a key=value pair`);
      throw new Malformed(`unexpected key '${written}' in '${field}'${hint}`);
    }
    if (equals < 0 && !FLAGS.has(key)) throw new Malformed(`invalid field '${field}' must be a key=value pair`);
    const value = equals < 0 ? 'true' : field.slice(equals + 1).trim();
    if (key === 'from' && value.includes('$')) {
      throw new Malformed("'from' doesn't support variable expansion, define alias stage instead");
    }
    if (expand !== undefined) options.set(key, expand(value));
    else if (PATHS.has(key) || !value.includes('$')) options.set(key, value);
    else if (key === 'type')
      return { type: 'bind', text, target: value, source: value, from: undefined, readOnly: true };
  }
  const type = oneOf(TYPES, (options.get('type') ?? 'bind').toLowerCase(), 'mount type');
  checkKeys(type, options);
  const target = options.get('target') ?? '';
  if (target !== '' && posix.resolve('/', target) === '/' && target.startsWith('/')) {
    throw new Malformed(`invalid mount target ${JSON.stringify(target)}`);
  }
  const from = options.get('from');
  const source = options.get('source') ?? '/';
  const isWritable = type === 'cache' || type === 'tmpfs';
  const readOnly = flag(options, 'ro') ?? !(flag(options, 'rw') ?? isWritable);
  switch (type) {
    case 'secret':
      return parseSecret(text, options);
    case 'ssh':
      return {
        type,
        text,
        id: options.get('id') ?? 'default',
        target: options.get('target'),
        required: flag(options, 'required') ?? false,
        mode: number(options, 'mode', 0o600, 8),
        uid: number(options, 'uid', 0, 10),
        gid: number(options, 'gid', 0, 10),
      };
    case 'bind':
      return { type, text, target, source, from, readOnly };
    case 'cache':
      return {
        type,
        text,
        target,
        id: options.get('id') ?? posix.normalize(target).replace(/(.)\/$/, '$1'),
        readOnly,
        sharing: oneOf(SHARING, (options.get('sharing') ?? 'shared').toLowerCase(), 'sharing value'),
        mode: number(options, 'mode', 0o755, 8),
        uid: number(options, 'uid', 0, 10),
        gid: number(options, 'gid', 0, 10),
        from,
        source,
      };
    case 'tmpfs':
      return { type, text, target, sizeBytes: size(options) };
  }
}

/** @throws {Malformed} at a word that the type does not know */
function checkKeys(type: RunMount['type'], options: ReadonlyMap<string, string>): void {
  for (const key of options.keys()) {
    const types = ONLY_OF[key];
    if (types !== undefined && !types.includes(type)) {
      throw new Malformed(`unexpected key '${key}' for mount type '${type}'`);
    }
  }
  for (const key of ['mode', 'uid', 'gid']) {
    if ((type === 'bind' || type === 'tmpfs') && options.has(key)) {
      throw new Malformed(`${key} not allowed for "${type}" type mounts`);
    }
  }
  if (type !== 'cache' && options.has('sharing')) throw new Malformed(`invalid cache sharing set for ${type} mount`);
}

function parseSecret(text: string, options: ReadonlyMap<string, string>): RunMount {
  if (options.has('from')) throw new Malformed('secret mount should not have a from');
  if (options.has('source') && options.has('id')) throw new Malformed("both source and id can't be set");
  const target = options.get('target');
  const id = options.get('source') ?? options.get('id') ?? target?.split('/').at(-1) ?? '';
  if (id === '') throw new Malformed('invalid secret mount. one of source, target required');
  const env = options.get('env');
  return {
    type: 'secret',
    text,
    id,
    target: target ?? (env === undefined ? `/run/secrets/${id.split('/').at(-1)}` : undefined),
    env,
    required: flag(options, 'required') ?? false,
    mode: number(options, 'mode', 0o400, 8),
    uid: number(options, 'uid', 0, 10),
    gid: number(options, 'gid', 0, 10),
  };
}

/** @throws {Malformed} that names the nearest */
function oneOf<T extends string>(known: readonly T[], value: string, what: string): T {
  const found = known.find((word) => word === value);
  if (found !== undefined) return found;
  const near = nearest(value, known);
  throw new Malformed(
    `unsupported ${what} ${JSON.stringify(value)}${near === undefined ? '' : ` (did you mean ${near}?)`}`,
  );
}

/** `64m`, `1.5g`, `1048576`: units of 1024. */
function size(options: ReadonlyMap<string, string>): number | undefined {
  const value = options.get('size');
  if (value === undefined) return undefined;
  const [, amount, unit = ''] = /^(\d+(?:\.\d*)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(value) ?? [];
  if (amount === undefined) throw new Malformed(`invalid value for size: ${value}`);
  return Math.floor(Number(amount) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
}

/** Fields of one line of CSV: a field in double quotes may hold commas, and doubled quotes. */
function csvFields(text: string): string[] {
  const fields = text.match(/(?:^|,)(?:"(?:[^"]|"")*"|[^,]*)/g) ?? [];
  return fields.map((field, i) => {
    const bare = i === 0 && !field.startsWith(',') ? field : field.replace(/^,/, '');
    return bare.startsWith('"') && bare.endsWith('"') && bare.length > 1
      ? bare.slice(1, -1).replaceAll('""', '"')
      : bare;
  });
}

function alias(key: string): string {
  if (key === 'dst' || key === 'destination') return 'target';
  if (key === 'src') return 'source';
  if (key === 'readwrite') return 'rw';
  return key === 'readonly' ? 'ro' : key;
}

function flag(options: ReadonlyMap<string, string>, key: string): boolean | undefined {
  const value = options.get(key)?.toLowerCase();
  if (value === undefined) return undefined;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new Malformed(`invalid value for ${key}: ${value}`);
}

function number(options: ReadonlyMap<string, string>, key: string, otherwise: number, radix: 8 | 10): number {
  const value = options.get(key);
  if (value === undefined) return otherwise;
  if (!(radix === 8 ? /^[0-7]{1,11}$/ : /^\d{1,10}$/).test(value))
    throw new Malformed(`invalid value ${value} for ${key}`);
  return Number.parseInt(value, radix);
}
