/** How a wait ended. */
export interface Ended {
  readonly exitCode: number;
  /** Text of a removal that failed. */
  readonly error?: string | undefined;
}

interface Waiter {
  readonly until: 'exit' | 'removal';
  readonly resolve: (ended: Ended) => void;
}

const REMEMBERED_MS = 10_000;

/** Who waits for the end of which container. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Waiter>>();
  readonly #remembered = new Map<string, Ended>();

  /**
   * Resolves at the next exit (or removal), or at the removal. Waiting begins at once, not when the promise is awaited.
   * Aborted, it never resolves and holds nothing.
   */
  next(containerId: string, until: 'exit' | 'removal', signal?: AbortSignal): Promise<Ended> {
    return new Promise((resolve) => {
      const set = this.#waiting.get(containerId) ?? new Set();
      this.#waiting.set(containerId, set);
      const waiter: Waiter = { until, resolve };
      set.add(waiter);
      signal?.addEventListener(
        'abort',
        () => {
          set.delete(waiter);
          if (set.size === 0 && this.#waiting.get(containerId) === set) this.#waiting.delete(containerId);
        },
        { once: true },
      );
    });
  }

  /**
   * A container removes itself when it ends. Clients that wait for it behind its start (dockerode's `run` does) may come too
   * late: for a while they are still told how it ended.
   */
  remember(containerId: string, ended: Ended): void {
    this.#remembered.set(containerId, ended);
    setTimeout(() => this.#remembered.delete(containerId), REMEMBERED_MS).unref();
  }

  /** How a container ended that is gone by itself; by its ID, in full or short. */
  remembered(ref: string): Ended | undefined {
    if (!/^[0-9a-f]{12,64}$/.test(ref)) return undefined;
    for (const [id, ended] of this.#remembered) if (id.startsWith(ref)) return ended;
    return undefined;
  }

  exited(containerId: string, ended: Ended): void {
    const set = this.#waiting.get(containerId);
    for (const waiter of set ?? []) {
      if (waiter.until !== 'exit') continue;
      set?.delete(waiter);
      waiter.resolve(ended);
    }
    if (set?.size === 0) this.#waiting.delete(containerId);
  }

  removed(containerId: string, ended: Ended): void {
    const set = this.#waiting.get(containerId);
    this.#waiting.delete(containerId);
    for (const waiter of set ?? []) waiter.resolve(ended);
  }
}
