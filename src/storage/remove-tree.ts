import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../core/errors.ts';
import { lackOfOpenFiles } from '../core/open-files.ts';

const WAIT_MS = 100;

/**
 * Removes a directory with all that is in it, or what else is there; nothing is fine. A lack of open files, which passes as
 * others close theirs, is waited out for a while; any other failure is told at once.
 * @param tries beyond the first; 0.1 s, 0.2 s, ... after another: 21 s in all unless told otherwise
 */
export async function removeTree(path: string, tries = 20): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await rm(path, { recursive: true, force: true });
    } catch (e) {
      if (tried > tries || lackOfOpenFiles(messageOf(e)) === undefined) throw e;
    }
    await delay(WAIT_MS * tried);
  }
}
