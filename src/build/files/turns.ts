import { setImmediate as othersTurn } from 'node:timers/promises';

/** How long the daemon's other work waits while files are looked at one after the other. */
const SLICE_MS = 10;

/** Work in slices: `if (turn.isOver) await turn.pass()`. */
export class Turn {
  #since = performance.now();

  get isOver(): boolean {
    return performance.now() - this.#since > SLICE_MS;
  }

  async pass(): Promise<void> {
    await othersTurn();
    this.#since = performance.now();
  }
}
