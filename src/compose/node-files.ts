import { readFileSync, statSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import type { FileReader } from './load/index.ts';

/** The files of this machine; each is read once. `stdin` is what `-` stands for. */
export function nodeFiles(stdin: string | undefined): FileReader {
  const cache = new Map<string, string | undefined>();
  return {
    read(path) {
      if (path === '-') return stdin;
      if (!cache.has(path)) cache.set(path, readIfThere(path));
      return cache.get(path);
    },
    isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errnoOf(e) ?? '')) return undefined;
    throw e;
  }
}
