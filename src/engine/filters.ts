import { defineError } from '../core/errors.ts';
import type { Filters } from './contract.ts';

const invalidFilter = defineError('INVALID_FILTER', 'invalid', (f: { key: string; values?: readonly string[] }) =>
  f.values === undefined ? `invalid filter '${f.key}'` : `invalid filter '${f.key}=[${f.values.join(' ')}]'`,
);

/** @throws {WharfError} `INVALID_FILTER` at a key that the call does not know */
export function checkFilters(filters: Filters, known: readonly string[]): void {
  for (const key of Object.keys(filters)) if (!known.includes(key)) throw invalidFilter({ key });
}

/**
 * A yes-or-no filter such as `dangling`: `fallback` if it was not given.
 * @throws {WharfError} `INVALID_FILTER` at both at once, or at anything that is neither
 */
export function booleanFilter(filters: Filters, key: string, fallback: boolean): boolean {
  const values = filters[key];
  if (values === undefined || values.length === 0) return fallback;
  const yes = values.some((v) => v === 'true' || v === '1');
  const no = values.some((v) => v === 'false' || v === '0');
  if (yes === no || !values.every((v) => ['true', '1', 'false', '0'].includes(v))) throw invalidFilter({ key, values });
  return yes;
}

/** All values of a `label` filter hold: `k` = there, `k=v` = equal. */
export function hasLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
  wanted: readonly string[] | undefined,
): boolean {
  return (wanted ?? []).every((text) => hasLabel(labels, text));
}

/** None of the values of a `label!` filter holds. */
export function lacksLabels(
  labels: Readonly<Record<string, string>> | null | undefined,
  unwanted: readonly string[] | undefined,
): boolean {
  return !(unwanted ?? []).some((text) => hasLabel(labels, text));
}

function hasLabel(labels: Readonly<Record<string, string>> | null | undefined, text: string): boolean {
  const at = text.indexOf('=');
  const key = at < 0 ? text : text.slice(0, at);
  if (labels === null || labels === undefined || !Object.hasOwn(labels, key)) return false;
  return at < 0 || labels[key] === text.slice(at + 1);
}

/** No value given, or one that equals. */
export function matchesExactly(values: readonly string[] | undefined, ...candidates: (string | undefined)[]): boolean {
  if (values === undefined || values.length === 0) return true;
  return candidates.some((c) => c !== undefined && values.includes(c));
}

/** No value given, or one that one of the candidates begins with. */
export function matchesPrefix(values: readonly string[] | undefined, ...candidates: (string | undefined)[]): boolean {
  if (values === undefined || values.length === 0) return true;
  return values.some((v) => candidates.some((c) => c?.startsWith(v) === true));
}

/** No value given, or one that is found in a candidate: a regular expression, or, where it is none, as it stands. */
export function matchesPattern(values: readonly string[] | undefined, ...candidates: string[]): boolean {
  if (values === undefined || values.length === 0) return true;
  return values.some((value) => {
    const found = patternTest(value);
    return candidates.some(found);
  });
}

function patternTest(value: string): (text: string) => boolean {
  try {
    const pattern = new RegExp(value);
    return (text) => pattern.test(text);
  } catch {
    return (text) => text.includes(value);
  }
}
