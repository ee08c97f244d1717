import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Undoes a compression that Node does not know with the program of its name. Breaking off the iteration ends the program.
 * @param refuse the error for a program that is missing, or does not like what it reads
 */
export async function* throughProgram(
  source: AsyncIterable<Uint8Array>,
  program: 'bzip2' | 'xz',
  refuse: (reason: string) => Error,
): AsyncGenerator<Buffer, void, undefined> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', () => resolve(`${program} compression: the program ${program} is needed to read it`));
    child.once('close', (code) => resolve(code === 0 ? undefined : `${program} cannot read it`));
  });
  let lost: unknown;
  const feeding = pipeline(Readable.from(source), child.stdin).catch((e: unknown) => {
    lost = e;
  });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const reason = await ended;
    if (reason !== undefined) throw refuse(reason);
    await feeding;
    if (lost !== undefined) throw lost;
  } finally {
    child.kill('SIGKILL');
  }
}
