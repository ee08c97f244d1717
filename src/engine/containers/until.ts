import { invalidParameter } from '../../core/errors.ts';
import type { Filters } from '../contract.ts';

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5 };

/**
 * The filter `until` of a prune as milliseconds since 1970, or `undefined`: a duration back from now (`24h`, `1h30m`), Unix
 * seconds, or a date. @throws {WharfError} `INVALID_PARAMETER`
 */
export function parseUntil(filters: Filters, nowMs: number = Date.now()): number | undefined {
  const values = filters['until'] ?? [];
  const [text] = values;
  if (text === undefined) return undefined;
  if (values.length > 1) throw invalidParameter({ message: 'more than one until filter specified' });
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length > 0 && parts.map((p) => p[0]).join('') === text) {
    return nowMs - parts.reduce((sum, p) => sum + Number(p[1]) * (UNITS[p[2] ?? ''] ?? 0), 0);
  }
  const date = Date.parse(text);
  if (Number.isNaN(date)) throw invalidParameter({ message: `failed to parse value as time or duration: "${text}"` });
  return date;
}
