import type { BuildEvent } from '../../core/wire/build.ts';

/** Shows a build while it runs. */
export interface Display {
  event(event: BuildEvent): void;
  /** Nothing more comes: what is on the screen is final. */
  end(): void;
}

/** What a step shows of itself, gathered from events. */
export interface ShownStep {
  readonly id: number;
  readonly name: string;
  readonly metadata: boolean;
  readonly begun: number;
  /** The last lines of output, without their newlines. */
  readonly lines: string[];
  /** The beginning of a line that has not ended. */
  partial: string;
  transfers: Map<string, string>;
  done: Extract<BuildEvent, { kind: 'done' }> | undefined;
}

const MOST_LINES = 200;

/** The steps of a build by number, kept up to date by events. */
export class ShownSteps {
  readonly steps = new Map<number, ShownStep>();
  readonly #now: () => number;

  /** @param now milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns the step that the event is about, and the lines that it completed */
  take(event: BuildEvent): { readonly step: ShownStep | undefined; readonly lines: readonly string[] } {
    if (event.kind === 'step') {
      const { id, name, metadata } = event;
      const begun = this.#now();
      const step = { id, name, metadata, begun, lines: [], partial: '', transfers: new Map(), done: undefined };
      this.steps.set(id, step);
      return { step, lines: [] };
    }
    if (!('id' in event)) return { step: undefined, lines: [] };
    const step = this.steps.get(event.id);
    if (step === undefined) return { step, lines: [] };
    let lines: string[] = [];
    if (event.kind === 'output') {
      const parts = (step.partial + event.text).split('\n');
      step.partial = parts.pop() ?? '';
      lines = parts.map(visible);
    } else if (event.kind === 'transfer') {
      step.transfers.set(event.what, event.status);
    } else {
      if (step.partial !== '') lines = [visible(step.partial)];
      step.partial = '';
      step.done = event;
    }
    step.lines.push(...lines);
    if (step.lines.length > MOST_LINES) step.lines.splice(0, step.lines.length - MOST_LINES);
    return { step, lines };
  }
}

/** What a terminal would show of a line at its end: the part after the last carriage return. */
function visible(line: string): string {
  const text = line.replace(/\r+$/, '');
  return text.slice(text.lastIndexOf('\r') + 1);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)}s`;
}
