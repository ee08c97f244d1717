import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ExitError } from '../errors.ts';

/** Unpacks what the engine sends into a directory, which is made if it is not there. @throws {ExitError} if that fails */
export async function unpack(
  tar: Readable,
  directory: string,
  { what, modes }: { readonly what: string; readonly modes: 'kept' | 'usual' },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const permissions = modes === 'kept' ? '--preserve-permissions' : '--no-same-permissions';
  // Zeros do not end it: what comes after the last block has to be taken as well, or the engine sees its client leave.
  const args = ['--extract', '--ignore-zeros', permissions, '--no-same-owner', '-C', directory];
  const child = spawn('tar', args, { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = once(child, 'close');
  await pipeline(tar, child.stdin);
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new ExitError(`${what} could not be written to ${directory}: tar ended with ${code}`, 1);
}
