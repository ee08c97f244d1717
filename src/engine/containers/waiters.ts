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

/** Who waits for the end of which container. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Waiter>>();

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
