import { invalidParameter } from '../core/errors.ts';
import { parseGoDuration } from '../core/go-duration.ts';
import type { Filters } from './contract.ts';

/**
 * The filter `until` of a prune as milliseconds since 1970, or `undefined`. @throws {WharfError} `INVALID_PARAMETER`
 */
export function parseUntil(filters: Filters, nowMs: number = Date.now()): number | undefined {
  const values = filters['until'] ?? [];
  const [text] = values;
  if (text === undefined) return undefined;
  if (values.length > 1) throw invalidParameter({ message: 'more than one until filter specified' });
  return momentOf(text, nowMs);
}

/**
 * A moment of a filter in milliseconds since 1970: a duration back from now (`24h`, `1h30m`), Unix seconds, or a date.
 * @throws {WharfError} `INVALID_PARAMETER`
 */
export function momentOf(text: string, nowMs: number = Date.now()): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const back = parseGoDuration(text);
  if (back !== undefined) return nowMs - back / 1e6;
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(date)) throw invalidParameter({ message: `failed to parse value as time or duration: "${text}"` });
  return date;
}
