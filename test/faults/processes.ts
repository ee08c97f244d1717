import { readdirSync, readFileSync } from 'node:fs';

/** Processes whose command line holds all of these words somewhere; not this one. */
export function processesWith(...words: readonly string[]): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => {
      const command = commandOf(pid);
      return words.every((word) => command.includes(word));
    });
}

/** @returns `false`: it had ended before */
export function kill9(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
