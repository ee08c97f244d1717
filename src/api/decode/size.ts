import { invalidParameter } from '../../core/errors.ts';
import type { Query } from './query.ts';

/** `h` and `w` of a resize. @throws {WharfError} `INVALID_PARAMETER` */
export function readSize(query: Query): { readonly rows: number; readonly columns: number } {
  return { rows: dimension('height', query.text('h')), columns: dimension('width', query.text('w')) };
}

function dimension(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw invalidParameter({ message: `invalid resize ${name} "${text}": invalid syntax` });
  const value = Number(text);
  if (value > 0xffff) throw invalidParameter({ message: `invalid resize ${name} "${text}": value out of range` });
  return value;
}
