import type { BuildEvent } from '../../core/wire/build.ts';
import type { Display, ShownStep } from './display.ts';
import { seconds, ShownSteps } from './display.ts';

/** A step that says nothing for so long lets another one speak. */
const HOLD_MS = 5000;

/**
 * One block of lines for each step, as BuildKit's plain progress: `#3 [2/4] RUN make`, output with the seconds since its start,
 * `#3 DONE 1.2s`. One step speaks at a time; what others say meanwhile waits.
 */
export class PlainDisplay implements Display {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #seen: ShownSteps;
  readonly #numbers = new Map<number, number>();
  readonly #waiting = new Map<number, string[]>();
  #current: number | undefined;
  #since = 0;
  #something = false;

  /** @param now milliseconds; other than the clock's for a build of the past */
  constructor(write: (text: string) => void, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#now = now;
    this.#seen = new ShownSteps(now);
  }

  event(event: BuildEvent): void {
    const { step, lines } = this.#seen.take(event);
    if (step === undefined) return;
    // Steps that only describe the image are not worth a block, unless one goes wrong.
    if (step.metadata && !(event.kind === 'done' && event.outcome === 'failed')) return;
    for (const line of lines) this.#say(step, `${elapsed(this.#now() - step.begun)} ${line}`);
    if (event.kind === 'step') this.#say(step);
    if (event.kind === 'transfer' && event.current === undefined && event.done !== true) {
      this.#say(step, `${event.what === '' ? '' : `${event.what}: `}${event.status}`);
    }
    if (event.kind !== 'done') return;
    if (event.outcome === 'cached') this.#say(step, 'CACHED');
    else if (event.outcome === 'done') this.#say(step, `DONE ${seconds(event.ms)}`);
    else this.#say(step, event.outcome === 'canceled' ? 'CANCELED' : `ERROR: ${event.error ?? ''}`);
    if (this.#current === step.id) this.#next();
  }

  end(): void {
    while (this.#waiting.size > 0) {
      this.#current = undefined;
      this.#next();
    }
    if (this.#something) this.#write('\n');
  }

  #say(step: ShownStep, line?: string): void {
    if (this.#current !== undefined && this.#current !== step.id) {
      const kept = this.#waiting.get(step.id) ?? [];
      if (line !== undefined) kept.push(line);
      this.#waiting.set(step.id, kept);
      if (this.#now() - this.#since > HOLD_MS) {
        this.#write(`#${this.#numbers.get(this.#current)} ...\n`);
        this.#current = undefined;
        this.#next();
      }
      return;
    }
    if (this.#current === undefined) this.#begin(step);
    this.#since = this.#now();
    if (line !== undefined) this.#write(`#${this.#numbers.get(step.id)} ${line}\n`);
  }

  #begin(step: ShownStep): void {
    if (!this.#numbers.has(step.id)) this.#numbers.set(step.id, this.#numbers.size + 1);
    this.#write(`${this.#something ? '\n' : ''}#${this.#numbers.get(step.id)} ${step.name}\n`);
    this.#something = true;
    this.#current = step.id;
    this.#since = this.#now();
  }

  /** Gives the word to those that wait: the ones that have ended first, then one that goes on. */
  #next(): void {
    this.#current = undefined;
    const waiting = [...this.#waiting].toSorted(([a], [b]) => Number(this.#goesOn(a)) - Number(this.#goesOn(b)));
    for (const [id, lines] of waiting) {
      const step = this.#seen.steps.get(id);
      this.#waiting.delete(id);
      if (step === undefined) continue;
      this.#begin(step);
      for (const line of lines) this.#write(`#${this.#numbers.get(id)} ${line}\n`);
      if (this.#goesOn(id)) return;
      this.#current = undefined;
    }
  }

  #goesOn(id: number): boolean {
    return this.#seen.steps.get(id)?.done === undefined;
  }
}

function elapsed(ms: number): string {
  const s = ms / 1000;
  return s.toFixed(s < 10 ? 3 : s < 100 ? 2 : 1);
}
