import type { ChainId } from '../../core/digest.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';

type Listener = (m: ProgressMessage) => void;

interface Arrival {
  readonly settled: Promise<void>;
  readonly listeners: Set<Listener>;
  /** To be called when somebody has stopped waiting. */
  onLeft: () => void;
}

/** What is to be done for a layer that a pull brings. */
export interface Bringing {
  /** Tells all who wait for it. */
  readonly tell: Listener;
  /** Nobody wants it any more. */
  readonly signal: AbortSignal;
  /** To be called when it is there, or will not come. */
  readonly end: () => void;
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

  /** One pull, as long as it is wanted. @param asker aborts when its own client has gone */
  crew(asker: AbortSignal): Crew {
    return new Crew(this.#underway, asker);
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
      arrival.onLeft();
    }
  }
}

/**
 * A pull and the layers that it brings. When its own client goes, what others wait for still comes; what nobody waits for does
 * not, and with the last layer all ends.
 */
export class Crew implements Disposable {
  readonly #underway: Map<ChainId, Arrival>;
  readonly #asker: AbortSignal;
  readonly #life = new AbortController();
  readonly #mine = new Map<Arrival, AbortController>();
  readonly #onAbort = (): void => this.#look();

  constructor(underway: Map<ChainId, Arrival>, asker: AbortSignal) {
    this.#underway = underway;
    this.#asker = asker;
    asker.addEventListener('abort', this.#onAbort, { once: true });
    if (asker.aborted) this.#look();
  }

  /** Nobody wants anything of this pull any more. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** Announces that this pull brings a layer that nobody brings yet. */
  begin(chainId: ChainId, onMessage: Listener): Bringing {
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const controller = new AbortController();
    const arrival: Arrival = { settled, listeners: new Set(), onLeft: () => this.#look() };
    this.#underway.set(chainId, arrival);
    this.#mine.set(arrival, controller);
    return {
      signal: controller.signal,
      tell: (message) => {
        if (!this.#asker.aborted) onMessage(message);
        for (const listener of arrival.listeners) listener(message);
      },
      end: () => {
        if (this.#underway.get(chainId) === arrival) this.#underway.delete(chainId);
        resolve();
        this.#mine.delete(arrival);
        this.#look();
      },
    };
  }

  [Symbol.dispose](): void {
    this.#asker.removeEventListener('abort', this.#onAbort);
  }

  #look(): void {
    if (!this.#asker.aborted) return;
    let wanted = false;
    for (const [arrival, controller] of this.#mine) {
      if (arrival.listeners.size > 0) wanted = true;
      else controller.abort(this.#asker.reason);
    }
    if (!wanted) this.#life.abort(this.#asker.reason);
  }
}
