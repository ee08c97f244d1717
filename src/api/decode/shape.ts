import { invalidJson } from '../errors.ts';

/**
 * What a JSON document may hold. Field names of a struct match in any case, unknown ones are dropped, `null` in a struct is
 * as if absent (Go's encoding/json, which all clients were written against). Keys of a map are kept as they are.
 */
export type Shape =
  | 'text'
  | 'integer'
  | 'flag'
  /** A list of texts; one text alone stands for a list of one. */
  | 'texts'
  | 'any'
  | { readonly list: Shape }
  | MapShape
  | StructShape;

interface StructShape {
  readonly struct: Readonly<Record<string, Shape>>;
  /** Texts and numbers that are not given are `''` and 0, as in Go. */
  readonly isFilled?: true;
}

interface MapShape {
  readonly map: Shape;
  /** What `null` is taken for. */
  readonly absent?: string;
}

/**
 * Checks a document against its shape. That `T` describes the same is for the caller to see to.
 * @throws {WharfError} `INVALID_JSON`, with the path to the value that has the wrong type
 */
export function decode<T>(shape: Shape, value: unknown, path = ''): T {
  return decodeValue(shape, value, path) as T;
}

function decodeValue(shape: Shape, value: unknown, path: string): unknown {
  if (typeof shape === 'object') {
    if ('list' in shape) return decodeList(shape.list, value, path);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('an object', value, path);
    return 'map' in shape ? decodeMap(shape, value, path) : decodeStruct(shape, value, path);
  }
  switch (shape) {
    case 'any':
      return value;
    case 'text':
      if (typeof value !== 'string') throw wrong('a text', value, path);
      return value;
    case 'flag':
      if (typeof value !== 'boolean') throw wrong('true or false', value, path);
      return value;
    case 'integer':
      if (typeof value !== 'number' || !Number.isInteger(value)) throw wrong('a whole number', value, path);
      return value;
    case 'texts':
      return typeof value === 'string' ? [value] : decodeList('text', value, path);
  }
}

function decodeList(item: Shape, value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw wrong('a list', value, path);
  return value.map((v, i) => decodeValue(item, v, `${path}[${i}]`));
}

function decodeMap({ map: item, absent }: MapShape, value: object, path: string): Record<string, unknown> {
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([k, v]) => [k, v === null ? (absent ?? null) : decodeValue(item, v, join(path, k))]),
  );
}

function decodeStruct({ struct: fields, isFilled }: StructShape, value: object, path: string): Record<string, unknown> {
  const result: Record<string, unknown> = isFilled ? zeros(fields) : {};
  let byLowerCase: Map<string, string> | undefined;
  for (const [key, v] of Object.entries(value)) {
    if (v === null) continue;
    let name = key;
    if (!Object.hasOwn(fields, key)) {
      byLowerCase ??= new Map(Object.keys(fields).map((f) => [f.toLowerCase(), f]));
      const match = byLowerCase.get(key.toLowerCase());
      if (match === undefined) continue;
      name = match;
    }
    result[name] = decodeValue(fields[name] ?? 'any', v, join(path, name));
  }
  return result;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function wrong(expected: string, value: unknown, path: string) {
  const given = value === null ? 'null' : Array.isArray(value) ? 'a list' : describe(value);
  return invalidJson({ reason: `${path === '' ? 'the body' : path} must be ${expected}, not ${given}` });
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'an object' : JSON.stringify(value);
}

function zeros(fields: StructShape['struct']): Record<string, unknown> {
  const given = Object.entries(fields).filter(([, shape]) => shape === 'text' || shape === 'integer');
  return Object.fromEntries(given.map(([name, shape]) => [name, shape === 'text' ? '' : 0]));
}
