import { badLayer } from '../errors.ts';

/** A sparse file of a tar: which pieces of it follow, and how long it is with its holes. */
export interface SparseMap {
  readonly pieces: readonly { readonly offset: number; readonly length: number }[];
  readonly realSize: number;
}

const MOST_PIECES = 1_000_000;

/** Pairs of offset and length, as all the formats have them. @throws {WharfError} `BAD_LAYER` if they make no file */
export function sparseMap(numbers: readonly number[], realSize: number): SparseMap {
  const pieces: { offset: number; length: number }[] = [];
  let end = 0;
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const offset = numbers[i] ?? 0;
    const length = numbers[i + 1] ?? 0;
    if (offset < end || length < 0 || offset + length > realSize) throw malformed();
    end = offset + length;
    if (length > 0) pieces.push({ offset, length });
  }
  if (numbers.length % 2 !== 0 || !Number.isSafeInteger(realSize)) throw malformed();
  return { pieces, realSize };
}

/** `1,2,3,4` of PAX format 0.1. */
export function numbersOf(list: string): number[] {
  if (!/^\d{1,15}(,\d{1,15})*$/.test(list)) throw malformed();
  return list.split(',').map(Number);
}

/**
 * The map at the beginning of a file's content (PAX format 1.0): a count, then pairs, each number on a line.
 * `undefined`: there is more of it to come.
 */
export function numbersIn(text: string): number[] | undefined {
  const lines = text.split('\n');
  lines.pop(); // not ended yet, or padding
  const [first, ...rest] = lines;
  if (first === undefined) {
    if (text.length > 16) throw malformed();
    return undefined;
  }
  const count = Number(first);
  if (!/^\d{1,9}$/.test(first) || count > MOST_PIECES) throw malformed();
  if (rest.length < count * 2) return undefined;
  const numbers = rest.slice(0, count * 2);
  if (!numbers.every((n) => /^\d{1,15}$/.test(n))) throw malformed();
  return numbers.map(Number);
}

function malformed(): Error {
  return badLayer({ why: 'invalid tar header: malformed map of a sparse file' });
}
