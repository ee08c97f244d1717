import { invalidParameter } from '../../core/errors.ts';
import type { Filters } from '../../engine/index.ts';

/**
 * `filters=` in both wire forms: `{"label":["a=b"]}` and the one of Go clients, `{"label":{"a=b":true}}`.
 * Whether a key is known is for the engine to say.
 * @throws {WharfError} `INVALID_PARAMETER`
 */
export function parseFilters(text: string): Filters {
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidParameter({ message: 'invalid filter' });
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalidParameter({ message: 'invalid filter' });
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, valuesOf(key, of)]));
}

function valuesOf(key: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((v) => typeof v === 'string')) return value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value).flatMap(([text, on]) => (on === true ? [text] : []));
  if (value === null) return [];
  throw invalidParameter({ message: `invalid filter '${key}': a list of texts is expected` });
}
