import { setTimeout as sleep } from 'node:timers/promises';
import { encoderFor, type EncodeRecord } from './encode.ts';
import { SentPosition, SpoolReader, type SpooledRecord } from './spool.ts';
import type { LogForward } from './target.ts';
import { type LogTransport, openTransport } from './transport.ts';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;
/** How long the rest of a container that has ended is tried to be delivered to a receiver that is away. */
const LAST_WORDS_MS = 10_000;
/** As far as a container may be ahead of a receiver that is there but slow. */
const AHEAD_BYTES = 4 * 1024 * 1024;

export interface ForwarderOptions {
  /** The container's log file, from which is sent: it is written first, so that nothing depends on the receiver. */
  readonly path: string;
  readonly target: LogForward;
  /** Told `true` when the container should be held up, `false` when it may go on. */
  readonly hold: (held: boolean) => void;
  /** The receiver is away; once for each time. */
  readonly onLost: (error: unknown) => void;
}

/** One log has one sender: who comes next waits for the one before. */
const senders = new Map<string, LogForwarder>();

/**
 * Sends what is in a container's log on to syslog or journald. The log file is its queue: while the receiver is away lines
 * wait there, as many as it holds; how far it has got is kept beside it, so that a monitor that takes over goes on there.
 */
export class LogForwarder {
  readonly #options: ForwarderOptions;
  readonly #encode: EncodeRecord;
  readonly #stopped = new AbortController();
  readonly #done: Promise<void>;
  #wake = (): void => undefined;
  #hasNews = true;
  #giveUpAt = Number.POSITIVE_INFINITY;
  #aheadBytes = 0;
  #isHeld = false;
  #isConnected = false;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#encode = encoderFor(options.target);
    const { path } = options;
    const before = senders.get(path);
    senders.set(path, this);
    this.#done = this.#run(before)
      .catch(options.onLost)
      .finally(() => {
        this.#isConnected = false;
        this.#hold();
        if (senders.get(path) === this) senders.delete(path);
      });
  }

  /** The log has grown. */
  written(bytes: number): void {
    this.#aheadBytes += bytes;
    this.#hold();
    this.#rouse();
  }

  /** Nothing more will be written: ends when the rest is delivered, or cannot be. */
  finish(): void {
    this.#giveUpAt = Date.now() + LAST_WORDS_MS;
    this.#rouse();
  }

  /** Ends now. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#rouse();
    await this.#done;
  }

  /** Resolves when it has ended. */
  get done(): Promise<void> {
    return this.#done;
  }

  #rouse(): void {
    this.#hasNews = true;
    this.#wake();
  }

  async #run(before: LogForwarder | undefined): Promise<void> {
    await before?.stop();
    const sent = new SentPosition(`${this.#options.path}.sent`);
    const reader = await SpoolReader.open(this.#options.path, sent.read());
    const way: { open: LogTransport | undefined } = { open: undefined };
    try {
      while (!this.#stopped.signal.aborted) {
        this.#hasNews = false;
        // Asked before reading: what is written while nothing is found must not be left behind.
        const isLast = this.#giveUpAt !== Number.POSITIVE_INFINITY;
        const records = await reader.next();
        if (records.length > 0) {
          if (!(await this.#deliver(records, way, sent))) return;
        } else if (isLast) return;
        else await this.#news();
      }
    } finally {
      way.open?.close();
      sent.close();
      await reader.close();
    }
  }

  async #news(): Promise<void> {
    while (!this.#hasNews) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** `false`: it is over, delivered or not. */
  async #deliver(
    records: readonly SpooledRecord[],
    way: { open: LogTransport | undefined },
    sent: SentPosition,
  ): Promise<boolean> {
    const { signal } = this.#stopped;
    const messages = records.map(({ record }) => this.#encode(record));
    let done = 0;
    let retryMs = FIRST_RETRY_MS;
    while (done < messages.length) {
      if (signal.aborted) return false;
      try {
        way.open ??= await openTransport(this.#options.target);
        this.#isConnected = true;
        const count = await way.open.send(messages.slice(done));
        for (const { record } of records.slice(done, done + count)) this.#aheadBytes -= record.payload.length;
        done += count;
        const last = records[done - 1];
        if (last !== undefined) sent.save(last.end);
        retryMs = FIRST_RETRY_MS;
        this.#hold();
      } catch (e) {
        if (this.#isConnected || retryMs === FIRST_RETRY_MS) this.#options.onLost(e);
        way.open?.close();
        way.open = undefined;
        this.#isConnected = false;
        this.#hold();
        if (Date.now() + retryMs > this.#giveUpAt) return false;
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
        retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
      }
    }
    return true;
  }

  #hold(): void {
    const { blocking } = this.#options.target;
    const limit = this.#isHeld ? AHEAD_BYTES / 2 : AHEAD_BYTES;
    const held = blocking && this.#isConnected && !this.#stopped.signal.aborted && this.#aheadBytes > limit;
    if (held === this.#isHeld) return;
    this.#isHeld = held;
    this.#options.hold(held);
  }
}

/** Waits until everything that is on its way has been delivered, at most so long. */
export async function settleForwarders(mostMs: number): Promise<void> {
  if (senders.size === 0) return;
  await Promise.race([Promise.all([...senders.values()].map((s) => s.done)), sleep(mostMs)]);
}
