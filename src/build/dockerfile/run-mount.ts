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

/** @throws {Malformed} in BuildKit's words; `secret` and `ssh` need its session and are refused */
export function parseRunMount(text: string): RunMount {
  const options = new Map<string, string>();
  for (const field of text.split(',')) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    if (!KEYS.includes(key)) throw new Malformed(`unexpected key '${key}' in '${field}'${didYouMean(key, KEYS)}`);
    options.set(alias(key), equals < 0 ? 'true' : field.slice(equals + 1).trim());
  }
  const type = (options.get('type') ?? 'bind').toLowerCase();
  const target = options.get('target') ?? '';
  if (type === 'secret' || type === 'ssh') {
    throw new Malformed(
      `the --mount=type=${type} option needs a client that serves ${type}s, which this builder does not ask for yet`,
    );
  }
  if (type !== 'bind' && type !== 'cache' && type !== 'tmpfs') throw new Malformed(`unsupported mount type "${type}"`);
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
        throw new Malformed(`unsupported sharing value "${sharing}"`);
      }
      if (options.has('from')) throw new Malformed('cache mounts that start from a stage are not supported');
      return {
        type,
        target,
        id: options.get('id') ?? target,
        readOnly,
        sharing,
        mode: number(options, 'mode', 0o755, 8),
        uid: number(options, 'uid', 0, 10),
        gid: number(options, 'gid', 0, 10),
      };
    }
    case 'tmpfs':
      return { type, target, sizeBytes: options.has('size') ? number(options, 'size', 0, 10) : undefined };
  }
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
