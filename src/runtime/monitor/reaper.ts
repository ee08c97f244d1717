import { type ProcessExit, reap, reapAny, spawnProgram } from '../../linux/index.ts';

/** A run of the OCI runtime takes some 10 ms; one that hangs must not hold its container up for ever. */
const PROGRAM_MS = 120_000;

/** A program that was started and will end. */
export interface Run {
  readonly code: Promise<number>;
  kill(): void;
}

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

  /**
   * Runs a program to its end, or until it has had its time. What it leaves running becomes a child of this process.
   * @param name what it finds as its own name
   */
  begin(path: string, args: readonly string[], stdio: readonly (number | 'ignore')[], name: string = path): Run {
    const pid = spawnProgram(path, args, stdio, name);
    const { promise: code, resolve } = Promise.withResolvers<number>();
    // Not reaped before `wait` has told of it, so that the number means this one.
    let ended = false;
    const kill = (): void => {
      if (!ended) process.kill(pid, 'SIGKILL');
    };
    const late = setTimeout(kill, PROGRAM_MS);
    this.wait(pid, (exit) => {
      ended = true;
      clearTimeout(late);
      resolve(exit.code);
    });
    return { code, kill };
  }

  /** How a child ended that nobody has waited for yet, if it has; it is known no more then. */
  takeEarly(pid: number): ProcessExit | undefined {
    const exit = this.#early.get(pid);
    this.#early.delete(pid);
    return exit;
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
