import type { FilterQuery } from './contract.ts';

/** The `filters` query; in the form that every engine since 1.22 reads. */
export function filterText(filters: FilterQuery | undefined): string | undefined {
  if (filters === undefined || Object.keys(filters).length === 0) return undefined;
  const sets = Object.entries(filters).map(([k, values]) => [k, Object.fromEntries(values.map((v) => [v, true]))]);
  return JSON.stringify(Object.fromEntries(sets));
}
