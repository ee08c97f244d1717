import { didYouMean } from '../../core/nearest.ts';
import { Malformed } from './words.ts';

/** `RUN --mount=…`. Paths are as written; relative targets are joined to the working directory when the step runs. */
export type RunMount =
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
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes: number | undefined };

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

/** @throws {Malformed} in BuildKit's words */
export function parseRunMount(text: string): RunMount {
  const options = new Map<string, string>();
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    if (!KEYS.includes(key)) throw new Malformed(`unexpected key '${key}' in '${field}'${didYouMean(key, KEYS)}`);
    options.set(alias(key), equals < 0 ? 'true' : field.slice(equals + 1).trim());
  }
  const type = (options.get('type') ?? 'bind').toLowerCase();
  const target = options.get('target') ?? '';
  if (options.get('from')?.includes('$')) {
    throw new Malformed("'from' doesn't support variable expansion, define alias stage instead");
  }
  if (type === 'secret') return parseSecret(options);
  if (type === 'ssh') {
    const required = flag(options, 'required') ?? false;
    return { type, id: options.get('id') ?? 'default', target: options.get('target'), required };
  }
  if (type !== 'bind' && type !== 'cache' && type !== 'tmpfs') {
    const known = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'];
    throw new Malformed(`unsupported mount type "${type}"${didYouMean(type, known)}`);
  }
  if (target === '') throw new Malformed('target can not be empty');
  if (/^\/+$/.test(target)) throw new Malformed(`invalid mount target "${target}"`);
  const readOnly = flag(options, 'ro') ?? !(flag(options, 'rw') ?? type !== 'bind');
  switch (type) {
    case 'bind':
      if (options.has('mode')) throw new Malformed('mode not allowed for "bind" type mounts');
      return { type, target, source: options.get('source') ?? '/', from: options.get('from'), readOnly };
    case 'cache': {
      const sharing = (options.get('sharing') ?? 'shared').toLowerCase();
      if (sharing !== 'shared' && sharing !== 'private' && sharing !== 'locked') {
        throw new Malformed(
          `unsupported sharing value "${sharing}"${didYouMean(sharing, ['shared', 'private', 'locked'])}`,
        );
      }
      return {
        type,
        target,
        id: options.get('id') ?? target,
        readOnly,
        sharing,
        mode: number(options, 'mode', 0o755, 8),
        uid: number(options, 'uid', 0, 10),
        gid: number(options, 'gid', 0, 10),
        from: options.get('from'),
        source: options.get('source') ?? '/',
      };
    }
    case 'tmpfs':
      return { type, target, sizeBytes: options.has('size') ? number(options, 'size', 0, 10) : undefined };
  }
}

function parseSecret(options: ReadonlyMap<string, string>): RunMount {
  if (options.has('from')) throw new Malformed('secret mount should not have a from');
  const target = options.get('target');
  const id = options.get('source') ?? options.get('id') ?? target?.split('/').at(-1) ?? '';
  if (id === '') throw new Malformed('one of source, target required');
  const env = options.get('env');
  return {
    type: 'secret',
    id,
    target: target ?? (env === undefined ? `/run/secrets/${id.split('/').at(-1)}` : undefined),
    env,
    required: flag(options, 'required') ?? false,
    mode: number(options, 'mode', 0o400, 8),
    uid: number(options, 'uid', 0, 10),
    gid: number(options, 'gid', 0, 10),
  };
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
  if (!(radix === 8 ? /^[0-7]+$/ : /^\d+$/).test(value)) throw new Malformed(`invalid value for ${key}: ${value}`);
  return Number.parseInt(value, radix);
}
