import { closeSync } from 'node:fs';
import { exitOfPidfd, exitOfZombie, openPidfd, type ProcessExit, signalPidfd, startTimeOf } from '../../linux/index.ts';
import type { SavedContainer, SavedExec } from './saved-state.ts';

/** The exit code when nobody can know it (Docker's). */
export const LOST = 255;
const POLL_MS = 100;

/** `undefined`: this process is there no more. */
export function pidfdOf({ pid, startTime }: SavedContainer | SavedExec): number | undefined {
  return startTimeOf(pid) === startTime ? openPidfd(pid) : undefined;
}

/** Its new parent may not have got round to reaping it. */
export function zombie({ pid, startTime }: SavedContainer | SavedExec): { exit?: ProcessExit } {
  const exit = exitOfZombie(pid, startTime);
  return exit === undefined ? {} : { exit };
}

/** Calls `ended` once a process that is no child of ours has ended. */
export function watch(
  pidfd: number,
  { pid, startTime }: SavedContainer | SavedExec,
  ended: (exit: ProcessExit) => void,
): void {
  const poll = setInterval(() => {
    const zombie = exitOfZombie(pid, startTime);
    if (zombie === undefined && signalPidfd(pidfd, 0)) return;
    clearInterval(poll);
    const exit = zombie ?? exitOfPidfd(pidfd);
    closeSync(pidfd);
    ended(exit ?? { code: LOST, signal: undefined });
  }, POLL_MS);
}
