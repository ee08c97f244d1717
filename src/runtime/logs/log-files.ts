import { type FileHandle, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from '../../core/errors.ts';

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 10;

/** One file of a rotated log, held open: it may be renamed or removed meanwhile. */
export interface OpenLog {
  readonly handle: FileHandle;
  readonly inode: number;
  readonly size: number;
}

/** All files of the log, the oldest first, each once although the writer may be rotating. */
export async function openLogFiles(path: string): Promise<OpenLog[]> {
  const found: OpenLog[] = [];
  for (const name of await namesNewestFirst(path)) {
    const log = await openLog(name);
    if (log === undefined) continue;
    if (found.some((other) => other.inode === log.inode)) await log.handle.close();
    else found.push(log);
  }
  return found.reverse();
}

/** The file that follows `inode` in time; if that one is gone, the oldest there is. `undefined`: it is the current one. */
export async function openSuccessor(path: string, inode: number): Promise<OpenLog | undefined> {
  const files = await openLogFiles(path);
  const index = files.findIndex((file) => file.inode === inode);
  const wanted = files[index + 1];
  for (const file of files) if (file !== wanted) await file.handle.close();
  return wanted;
}

/** Where the last `count` records begin. */
export async function tailPosition(
  files: readonly OpenLog[],
  count: number,
): Promise<{ readonly index: number; readonly offset: number }> {
  let left = count;
  if (left === 0) return lastPosition(files);
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index];
    if (file === undefined) break;
    let end = file.size;
    for (let first = true; end > 0; first = false) {
      const from = Math.max(0, end - BLOCK_BYTES);
      const { bytesRead } = await file.handle.read(block, 0, end - from, from);
      let at = bytesRead - 1;
      // The newline at the very end closes the last record, it begins none.
      if (first && block[at] === NEWLINE) at--;
      for (; at >= 0; at--) {
        at = block.lastIndexOf(NEWLINE, at);
        if (at < 0) break;
        if (--left === 0) return { index, offset: from + at + 1 };
      }
      end = from;
    }
    // The first record of a file has no newline before it.
    if (file.size > 0 && left > 0 && --left === 0) return { index, offset: 0 };
  }
  return { index: 0, offset: 0 };
}

/** Behind everything. */
function lastPosition(files: readonly OpenLog[]): { readonly index: number; readonly offset: number } {
  const index = Math.max(0, files.length - 1);
  return { index, offset: files[index]?.size ?? 0 };
}

async function namesNewestFirst(path: string): Promise<string[]> {
  const directory = dirname(path);
  const base = basename(path);
  const numbers: number[] = [];
  try {
    for (const name of await readdir(directory)) {
      const number = name.startsWith(`${base}.`) ? Number(name.slice(base.length + 1)) : Number.NaN;
      if (Number.isInteger(number) && number > 0) numbers.push(number);
    }
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return [];
    throw e;
  }
  // One more than is there: the oldest may be moved on while we open the others.
  const highest = Math.max(0, ...numbers);
  return [path, ...Array.from({ length: highest + 1 }, (_, i) => join(directory, `${base}.${i + 1}`))];
}

async function openLog(path: string): Promise<OpenLog | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return undefined;
    throw e;
  }
  const { ino, size } = await handle.stat();
  return { handle, inode: ino, size };
}
