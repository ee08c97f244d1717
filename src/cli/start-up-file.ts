import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';

/** Text of a file; `undefined` where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    if (errnoOf(e) === 'ENOENT') return undefined;
    throw e;
  }
}

/** Writes a file of the user's in one step; its mode and owner stay, and a link to it stays a link. */
export function replaceText(path: string, text: string): void {
  let target = path;
  let mode = 0o644;
  try {
    target = realpathSync(path);
    mode = statSync(target).mode & 0o7777;
  } catch (e) {
    if (errnoOf(e) !== 'ENOENT') throw e;
  }
  const partial = `${target}.wharf-${process.pid}`;
  try {
    writeFileSync(partial, text, { mode });
    renameSync(partial, target);
  } catch (e) {
    rmSync(partial, { force: true });
    throw e;
  }
}
