import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Position } from '../core/errors.ts';

/** More of a line than this says nothing, in characters. */
const WIDTH = 160;

/** The line that an error is about with a mark below its place, each on a line of its own; empty if it cannot be read. */
export function excerpt(at: Position, cwd: string): string {
  let line: string | undefined;
  try {
    line = readFileSync(resolve(cwd, at.file), 'utf8').split(/\r?\n/)[at.line - 1];
  } catch {
    return '';
  }
  if (line === undefined || line.trim() === '' || line.length > WIDTH) return '';
  const number = String(at.line);
  // A tab before the place stays one below it, so that the mark stands right.
  const before = line.slice(0, at.column - 1).replace(/[^\t]/g, ' ');
  return `\n  ${number} | ${line}\n  ${' '.repeat(number.length)} | ${before}^`;
}
