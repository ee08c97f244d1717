import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { invalidParameter, messageOf } from '../../core/errors.ts';
import type { TopResponse } from '../../core/wire/container.ts';
import { requestFailed } from '../errors.ts';

const run = promisify(execFile);

/**
 * The host's `ps` with these arguments, only the lines of these processes. `ps` must show a PID column.
 * @throws {WharfError} `REQUEST_FAILED` without one, or if `ps` fails
 */
export async function top(pids: readonly number[], psArgs: string): Promise<TopResponse> {
  const args = psArgs.trim() === '' ? ['-ef'] : psArgs.trim().split(/\s+/);
  // ps would take a file or another output from some; Docker refuses all that is not plainly an option or a format.
  if (args.some((arg) => /[^\w\-,=+:.%]/.test(arg)))
    throw invalidParameter({ message: `invalid ps arguments: ${psArgs}` });
  let output: string;
  try {
    output = (await run('ps', args, { maxBuffer: 16 * 1024 * 1024 })).stdout;
  } catch (cause) {
    // What ps itself says, without its help.
    const [, said] = messageOf(cause).split('\n');
    throw requestFailed({ message: said ? `ps: ${said}` : `error running ps: ${messageOf(cause)}` }, { cause });
  }
  return parsePs(output, pids);
}

/** Titles and rows of `ps`; the last column takes the rest of its line. */
export function parsePs(output: string, pids: readonly number[]): TopResponse {
  const [header = '', ...lines] = output.split('\n').filter((line) => line.trim() !== '');
  const Titles = header.trim().split(/\s+/);
  const at = Titles.indexOf('PID');
  if (at < 0) throw requestFailed({ message: "Couldn't find PID field in ps output" });
  const wanted = new Set(pids);
  const Processes = lines
    .map((line) => {
      const fields = line.trim().split(/\s+/);
      return [...fields.slice(0, Titles.length - 1), fields.slice(Titles.length - 1).join(' ')];
    })
    .filter((fields) => wanted.has(Number(fields[at])));
  return { Titles, Processes };
}
