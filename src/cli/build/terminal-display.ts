import { styleText } from 'node:util';
import type { BuildEvent } from '../../core/wire/build.ts';
import type { Display, ShownStep } from './display.ts';
import { seconds, ShownSteps } from './display.ts';

export interface Screen {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

const REDRAW_MS = 100;
const LOG_ROWS = 6;

/**
 * A picture redrawn in place: a row for each step with its time, below a running one its last output. When there is no room,
 * steps that have ended go first.
 */
export class TerminalDisplay implements Display {
  readonly #screen: Screen;
  readonly #colours: boolean;
  readonly #seen = new ShownSteps();
  readonly #begun = performance.now();
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;
  #changed = true;

  constructor(screen: Screen, colours: boolean) {
    this.#screen = screen;
    this.#colours = colours;
    this.#timer = setInterval(() => this.#draw(false), REDRAW_MS);
    this.#timer.unref();
  }

  event(event: BuildEvent): void {
    this.#seen.take(event);
    this.#changed = true;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#draw(true);
  }

  #draw(final: boolean): void {
    const steps = [...this.#seen.steps.values()].filter((s) => !s.metadata || s.done?.outcome === 'failed');
    if (!final && !this.#changed && steps.every((s) => s.done !== undefined)) return;
    this.#changed = false;
    const columns = this.#screen.columns ?? 80;
    const room = final ? Number.POSITIVE_INFINITY : Math.max(4, (this.#screen.rows ?? 24) - 2);
    const finished = steps.filter((s) => s.done !== undefined).length;
    const total = seconds(performance.now() - this.#begun);
    const head = `[+] Building ${total} (${finished}/${steps.length})${final ? ' FINISHED' : ''}`;
    let shown = steps;
    const height = (list: readonly ShownStep[]) => list.reduce((n, s) => n + rowsOf(s, final), 0);
    while (height(shown) > room) {
      const old = shown.find((s) => s.done !== undefined) ?? shown[0];
      if (old === undefined) break;
      shown = shown.filter((s) => s !== old);
    }
    const rows = [
      this.#paint(head, final ? 'blue' : undefined),
      ...shown.flatMap((s) => this.#rows(s, columns, final)),
    ];
    // Row by row: what is cleared as a whole screen stays in the history of some terminals.
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\r`;
    const text = rows.map((row) => `${row}\x1b[K\n`).join('');
    this.#screen.write(`\x1b[?25l${up}${text}\x1b[J\x1b[?25h`);
    this.#drawn = rows.length;
  }

  #rows(step: ShownStep, columns: number, final: boolean): string[] {
    const { done } = step;
    const mark = done === undefined || done.outcome === 'done' ? '' : `${WORDS[done.outcome]} `;
    const time = seconds(done?.ms ?? performance.now() - step.begun);
    const colour = done === undefined ? undefined : COLOURS[done.outcome];
    const rows = [this.#paint(aligned(` => ${mark}${step.name}`, time, columns), colour)];
    if (done !== undefined) return rows;
    if (!final) {
      for (const [what, status] of [...step.transfers].slice(-LOG_ROWS)) {
        rows.push(clipped(` => => ${what === '' ? '' : `${what}: `}${status}`, columns));
      }
      for (const line of step.lines.slice(-LOG_ROWS)) {
        rows.push(this.#paint(clipped(` => => # ${plain(line)}`, columns), 'dim'));
      }
    }
    return rows;
  }

  #paint(text: string, style: 'blue' | 'red' | 'yellow' | 'dim' | undefined): string {
    return style === undefined || !this.#colours ? text : styleText(style, text, { validateStream: false });
  }
}

const WORDS = { cached: 'CACHED', failed: 'ERROR', canceled: 'CANCELED' } as const;
const COLOURS = { done: 'blue', cached: 'blue', failed: 'red', canceled: 'yellow' } as const;

function rowsOf(step: ShownStep, final: boolean): number {
  if (step.done !== undefined || final) return 1;
  return 1 + Math.min(LOG_ROWS, step.transfers.size) + Math.min(LOG_ROWS, step.lines.length);
}

/** Text at the left, a time at the right edge. */
function aligned(text: string, time: string, columns: number): string {
  const room = columns - time.length - 1;
  return `${clipped(text, room).padEnd(room)} ${time}`;
}

function clipped(text: string, columns: number): string {
  return text.length > columns ? text.slice(0, Math.max(0, columns)) : text;
}

/** Without what would move the cursor or change colours. */
function plain(line: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return line
    .replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
    .replaceAll('\t', '    ');
}
