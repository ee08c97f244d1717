import { matchesGlob } from 'node:path';
import { invalidParameter } from '../../core/errors.ts';
import { familiar, familiarName, type Reference } from '../../core/reference.ts';
import type { Filters, Image } from '../contract.ts';
import { momentOf } from '../until.ts';
import type { Catalog } from './catalog.ts';
import { createdMs } from './views.ts';

/** @throws {WharfError} `INVALID_PARAMETER` at a filter that is not among `known` */
export function checkFilters(filters: Filters, known: readonly string[]): void {
  for (const key of Object.keys(filters)) {
    if (!known.includes(key)) throw invalidParameter({ message: `invalid filter '${key}'` });
  }
}

/** A filter that is true or false; `undefined` if it is not given. */
export function flagFilter(filters: Filters, key: string): boolean | undefined {
  const values = filters[key];
  if (!values || values.length === 0) return undefined;
  const read = values.map((v) => (/^(1|true)$/i.test(v) ? true : /^(0|false)$/i.test(v) ? false : undefined));
  if (read.includes(undefined) || new Set(read).size > 1) {
    throw invalidParameter({ message: `invalid filter '${key}=[${values.join(' ')}]'` });
  }
  return read[0];
}

/** `label` and `label!`, with values or without. */
export function labelsMatch(labels: Readonly<Record<string, string>> | null | undefined, filters: Filters): boolean {
  const has = (text: string): boolean => {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = labels?.[key];
    return value !== undefined && (equals < 0 || value === text.slice(equals + 1));
  };
  return (filters['label'] ?? []).every(has) && !(filters['label!'] ?? []).some(has);
}

/**
 * Time limits of `before`, `since` (images) and `until` (a time or an age) as a test on images.
 * @throws {WharfError} `IMAGE_NOT_FOUND`, `INVALID_PARAMETER`
 */
export function ageFilter(catalog: Catalog, filters: Filters): (image: Image) => boolean {
  const before = (filters['before'] ?? []).map((ref) => catalog.get(ref));
  const since = (filters['since'] ?? []).map((ref) => catalog.get(ref));
  const until = (filters['until'] ?? []).map((text) => momentOf(text));
  return (image) => {
    const at = createdMs(image);
    return (
      before.every((other) => at < createdMs(other)) &&
      since.every((other) => at > createdMs(other)) &&
      until.every((limit) => at < limit)
    );
  };
}

/** Whether a name fits a pattern of the filter `reference`: `busybox`, `busy*:1.*`, `*` + `/x`. */
export function referenceMatches(reference: Reference, pattern: string): boolean {
  return matchesGlob(familiar(reference), pattern) || matchesGlob(familiarName(reference), pattern);
}
