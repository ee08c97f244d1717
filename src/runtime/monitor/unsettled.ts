import { closeSync } from 'node:fs';
import { descriptorOf, exitOfPidfd, type ProcessExit } from '../../linux/index.ts';
import { LOST, zombie } from './orphans.ts';
import type { ProcessIo } from './process-io.ts';
import { keyOf, type Returned } from './protocol.ts';
import type { SavedContainer, SavedExec } from './saved-state.ts';

/** A process that ended while there was no monitor. How, the daemon may know. */
interface Ended {
  readonly io: ProcessIo;
  readonly settle: (exit: ProcessExit) => void;
  exit?: ProcessExit;
}

/** What ended while there was no monitor and waits to be recorded, by container or container/exec. */
export class Unsettled {
  readonly #ended = new Map<string, Ended>();

  add(key: string, saved: SavedContainer | SavedExec, io: ProcessIo, settle: (exit: ProcessExit) => void): void {
    this.#ended.set(key, { io, settle, ...zombie(saved) });
  }

  /** Takes over what the daemon held meanwhile: terminals, and how processes ended. `ioOf` knows those that run. */
  takeBack(daemonPid: number, items: readonly Returned[], ioOf: (item: Returned) => ProcessIo | undefined): void {
    for (const item of items) {
      const { terminal, pidfd } = item;
      const ended = this.#ended.get(keyOf(item));
      const io = ended?.io ?? ioOf(item);
      const master = terminal === undefined ? undefined : descriptorOf(daemonPid, terminal);
      if (master !== undefined) {
        if (io === undefined) closeSync(master);
        else io.connectTerminal(master, undefined);
      }
      const own = pidfd === undefined || ended === undefined ? undefined : descriptorOf(daemonPid, pidfd);
      if (own === undefined || ended === undefined) continue;
      const exit = exitOfPidfd(own);
      if (exit !== undefined) ended.exit = exit;
      closeSync(own);
    }
  }

  /** Records the ends; with the code 255 where nobody can know it. */
  settle(): void {
    for (const [key, { settle, exit }] of this.#ended) {
      this.#ended.delete(key);
      settle(exit ?? { code: LOST, signal: undefined });
    }
  }
}
