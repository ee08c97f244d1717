import type { ChainId } from '../../core/digest.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';

type Listener = (m: ProgressMessage) => void;

interface Arrival {
  readonly settled: Promise<void>;
  readonly listeners: Set<Listener>;
}

/** Layers on their way here, so that each comes once, however many pulls want it at the same time. */
export class Arrivals {
  readonly #underway = new Map<ChainId, Arrival>();

  /**
   * Waits for the pull that brings this layer, and passes on what it tells; resolves also if that one fails.
   * `undefined`: nobody brings it, and the caller may begin at once.
   */
  follow(chainId: ChainId, onMessage: Listener, signal: AbortSignal): Promise<void> | undefined {
    const arrival = this.#underway.get(chainId);
    return arrival && this.#wait(arrival, onMessage, signal);
  }

  /** Announces that the caller brings a layer that nobody brings yet. `end` is to be called when it is there, or will not come. */
  begin(chainId: ChainId, onMessage: Listener): { readonly tell: Listener; readonly end: () => void } {
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const arrival: Arrival = { settled, listeners: new Set() };
    this.#underway.set(chainId, arrival);
    return {
      tell: (message) => {
        onMessage(message);
        for (const listener of arrival.listeners) listener(message);
      },
      end: () => {
        if (this.#underway.get(chainId) === arrival) this.#underway.delete(chainId);
        resolve();
      },
    };
  }

  async #wait(arrival: Arrival, onMessage: Listener, signal: AbortSignal): Promise<void> {
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', leave, { once: true });
    arrival.listeners.add(onMessage);
    try {
      signal.throwIfAborted();
      await Promise.race([arrival.settled, left]);
    } finally {
      arrival.listeners.delete(onMessage);
      signal.removeEventListener('abort', leave);
    }
  }
}
