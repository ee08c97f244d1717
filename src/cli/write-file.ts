import { randomBytes } from 'node:crypto';
import { createWriteStream, type Stats } from 'node:fs';
import { realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CommandContext } from './command.ts';
import { ExitError } from './errors.ts';

/**
 * Writes a stream to a file, or to stdout where no file is named. The file appears only when it is complete. What is no file
 * (`/dev/null`, a pipe) is written into, never replaced; neither is a link.
 * @param failure what could not be done, if the file cannot be written: `failed to save image`
 * @throws {ExitError} for a terminal, and before `source` is asked for a file that cannot be
 */
export async function writeStream(
  source: () => Promise<Readable>,
  file: string | undefined,
  failure: string,
  context: CommandContext,
): Promise<void> {
  if (file === undefined) {
    if (context.stdout.isTTY === true) {
      throw new ExitError('cowardly refusing to save to a terminal. Use the -o flag or redirect', 1);
    }
    await pipeline(await source(), context.stdout, { end: false });
    return;
  }
  const target = resolve(context.cwd, file);
  const there = await checkTarget(file, target, failure);
  if (there !== undefined && !there.isFile()) {
    await pipeline(await source(), createWriteStream(target, { flags: 'r+' }));
    return;
  }
  const place = there === undefined ? target : await realpath(target);
  const partial = resolve(dirname(place), `.${randomBytes(6).toString('hex')}.partial`);
  try {
    await pipeline(await source(), createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, place);
  } catch (e) {
    await rm(partial, { force: true });
    throw e;
  }
}

/** Gives what is at the target; `undefined`: nothing. */
async function checkTarget(file: string, target: string, failure: string): Promise<Stats | undefined> {
  const folder = await stat(dirname(target)).catch(() => undefined);
  if (folder === undefined) {
    throw new ExitError(`${failure}: invalid output path: stat ${dirname(file)}: no such file or directory`, 1);
  }
  const there = await stat(target).catch(() => undefined);
  if (there?.isDirectory() === true) throw new ExitError(`${failure}: cannot write to a directory`, 1);
  if (there?.isBlockDevice() === true) {
    const rule = `invalid output path: "${file}" must be a directory or a regular file: got a device`;
    throw new ExitError(`${failure}: ${rule}`, 1);
  }
  return there;
}
