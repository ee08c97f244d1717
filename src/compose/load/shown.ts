import { posix } from 'node:path';

/** A path as people want to read it: relative if it lies below the current folder. */
export function shown(path: string, cwd: string): string {
  if (path === '-') return '<stdin>';
  const relative = posix.relative(cwd, path);
  return relative === '' || relative.startsWith('..') ? path : relative;
}
