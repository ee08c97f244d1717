import { type ProcessExit, reap, reapAny, spawnProgram } from '../../linux/index.ts';

/** A run of the OCI runtime takes some 10 ms; one that hangs must not hold its container up for ever. */
const PROGRAM_MS = 120_000;

/**
 * Waits for all children of this process: OCI runtimes, and the containers and execs that they leave behind as orphans.
 * None is started by Node, which would wait for its own.
 */
export class Reaper {
  readonly #waiting = new Map<number, (exit: ProcessExit) => void>();
  /** Ends of processes that nobody has asked for yet: a container can end before its runtime has said its number. */
  readonly #early = new Map<number, ProcessExit>();
  #starting = 0;

  constructor() {
    process.on('SIGCHLD', () => this.sweep());
  }

  /** Runs a program to its end, or until it has had its time. What it leaves running becomes a child of this process. Gives its exit code. */
  run(path: string, args: readonly string[], stdio: readonly (number | 'ignore')[]): Promise<number> {
    return new Promise((resolve) => {
      const pid = spawnProgram(path, args, stdio);
      const late = setTimeout(() => process.kill(pid, 'SIGKILL'), PROGRAM_MS);
      this.wait(pid, ({ code }) => {
        clearTimeout(late);
        resolve(code);
      });
    });
  }

  /** While `during` lasts, ends of unknown children are kept for a `wait` within it. */
  async expecting<T>(during: () => Promise<T>): Promise<T> {
    this.#starting++;
    try {
      return await during();
    } finally {
      if (--this.#starting === 0) this.#early.clear();
    }
  }

  /** Calls `ended` once, when this child has ended. `false`: it is no child of ours. */
  wait(pid: number, ended: (exit: ProcessExit) => void): boolean {
    const early = this.#early.get(pid);
    if (early !== undefined) {
      this.#early.delete(pid);
      queueMicrotask(() => ended(early));
      return true;
    }
    const now = reap(pid);
    if (now === 'not-a-child') return false;
    if (now === 'running') this.#waiting.set(pid, ended);
    else queueMicrotask(() => ended(now));
    return true;
  }

  /** Not reaped yet, so that its number still means it. */
  isWaiting(pid: number): boolean {
    return this.#waiting.has(pid);
  }

  sweep(): void {
    for (let child = reapAny(); child !== undefined; child = reapAny()) {
      const { pid, exit } = child;
      const ended = this.#waiting.get(pid);
      this.#waiting.delete(pid);
      if (ended !== undefined) ended(exit);
      else if (this.#starting > 0) this.#early.set(pid, exit);
    }
  }
}
