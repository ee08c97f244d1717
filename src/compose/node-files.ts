import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { humanSize } from '../core/human.ts';
import { composeFileInvalid, composeInputMissing } from './errors.ts';
import type { FileReader } from './load/index.ts';

/** More than this is no file that somebody wrote. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Devices that end. */
const QUIET_DEVICES: ReadonlySet<string> = new Set(['/dev/null', '/dev/tty']);

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
    const stat = statSync(path);
    if (stat.isCharacterDevice() && !QUIET_DEVICES.has(path) && !path.startsWith('/dev/std'))
      throw composeFileInvalid({ message: `${path} is a device, not a file` });
    if (stat.size > MAX_BYTES)
      throw composeFileInvalid({
        message: `${path} is too large: ${humanSize(stat.size)}, of at most ${humanSize(MAX_BYTES)}`,
      });
    return decode(path, readFileSync(path));
  } catch (e) {
    const errno = errnoOf(e) ?? '';
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errno)) return undefined;
    if (errno === 'EACCES') throw composeInputMissing({ message: `open ${path}: permission denied` }, { cause: e });
    if (errno === 'ENAMETOOLONG')
      throw composeInputMissing({ message: `open ${path}: file name too long` }, { cause: e });
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
