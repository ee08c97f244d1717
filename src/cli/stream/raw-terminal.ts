import { spawnSync } from 'node:child_process';
import type { CliIo } from '../command.ts';

/**
 * Makes the terminal raw in both directions. Node's own raw mode leaves output processing on, which turns a program's
 * line feed into carriage return and line feed: full-screen programs move the cursor with it.
 * @returns what gives the terminal back
 */
export function makeRaw(input: CliIo['stdin']): () => void {
  input.setRawMode?.(true);
  // Without stty the output is as Node leaves it: lines look right, full-screen programs a little odd.
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  return () => void input.setRawMode?.(false);
}
