import type { EventMessage } from '../../core/wire/resources.ts';

/** A reader this far behind is cut off rather than fed from memory without bound. */
const MOST_WAITING = 65_536;
/** setTimeout takes at most 2^31 - 1 ms. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** One reader of the event bus: listens from the moment it is made, hands out in order what was offered. */
export class Subscription implements AsyncIterable<EventMessage> {
  readonly #matches: (e: EventMessage) => boolean;
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal;
  #waiting: EventMessage[] = [];
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(matches: (e: EventMessage) => boolean, signal: AbortSignal, onEnd: () => void) {
    this.#matches = matches;
    this.#onEnd = onEnd;
    this.#signal = signal;
    if (signal.aborted) this.#ended = true;
    else signal.addEventListener('abort', this.end, { once: true });
  }

  get ended(): boolean {
    return this.#ended;
  }

  offer(message: EventMessage): void {
    if (this.#ended || !this.#matches(message)) return;
    this.#waiting.push(message);
    if (this.#waiting.length > MOST_WAITING) this.end();
    this.#wake?.();
  }

  /** Ends when the clock shows this (milliseconds since 1970); at once if it is past. */
  endAt(unixMs: number): void {
    const left = unixMs - Date.now();
    if (left <= 0) return this.end();
    const next = left > LONGEST_TIMER_MS ? () => this.endAt(unixMs) : this.end;
    this.#timer = setTimeout(next, Math.min(left, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  /** No more is taken in; what waits is still handed out. */
  readonly end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.end);
    this.#onEnd();
    this.#wake?.();
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<EventMessage, void> {
    try {
      for (;;) {
        const batch = this.#waiting;
        this.#waiting = [];
        yield* batch;
        if (this.#waiting.length > 0) continue;
        if (this.#ended) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
        this.#wake = undefined;
      }
    } finally {
      this.end();
    }
  }
}
