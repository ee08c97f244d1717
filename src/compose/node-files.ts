import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { composeFileInvalid } from './errors.ts';
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
    return decode(path, readFileSync(path));
  } catch (e) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errnoOf(e) ?? '')) return undefined;
    throw e;
  }
}

/** @throws {WharfError} `COMPOSE_FILE_INVALID` with the line of the first byte that is no UTF-8 */
function decode(path: string, bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const lines = bytes.toString('latin1').split('\n');
  const line = lines.findIndex((text) => !isUtf8(Buffer.from(text, 'latin1'))) + 1;
  throw composeFileInvalid(
    { message: 'not valid UTF-8' },
    { at: { file: path, line, column: 1 }, hint: 'save the file in UTF-8' },
  );
}
