import type { Writable } from 'node:stream';

export type ProgressMode = 'tty' | 'plain' | 'json' | 'quiet';
type State = 'working' | 'done' | 'warning' | 'error';

interface Line {
  state: State;
  text: string;
  details: string;
  readonly since: number;
  until: number | undefined;
}

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
/** Before everything that is only said, not done. */
const DRY = 'DRY-RUN MODE - ';
const REFRESH_MS = 100;
const DONE = new Set([
  'Created',
  'Started',
  'Running',
  'Recreated',
  'Healthy',
  'Exited',
  'Stopped',
  'Killed',
  'Removed',
  'Paused',
  'Unpaused',
  'Pulled',
  'Built',
  'Pushed',
  'Skipped',
  'Restarted',
  'Copied',
]);

/** What is named when it fails. */
const ENDS = new Set(['Stopping', 'Killing', 'Removing', 'Pausing', 'Unpausing', 'Restarting']);
/** What is done with a service's image. */
const OF_IMAGES = new Set(['Pulling', 'Pulled', 'Pushing', 'Pushed', 'Skipped', 'Warning', 'Error', 'Interrupted']);

/** An event in docker compose's two columns. */
function columns(
  id: string,
  status: string,
  options: { readonly details?: string; readonly about?: string },
): readonly [string, string] {
  const details = options.details ?? '';
  if (options.about !== undefined) return [options.about, status];
  if (status === 'Skipped' && details !== '') return [`Skipped - ${details}`, ''];
  if (OF_IMAGES.has(status) && !id.includes(' ')) return [status, details];
  return ['', details === '' ? status : `${status} ${details}`];
}

/**
 * Shows what happens to networks, volumes, containers and images: one line a change when plain, a list that is redrawn on
 * a terminal. Wording is docker compose's, which scripts read.
 */
export class Progress implements Disposable {
  readonly #out: Writable & { readonly columns?: number };
  #mode: ProgressMode;
  readonly #title: string;
  readonly #ansi: boolean;
  readonly #dry: boolean;
  readonly #lines = new Map<string, Line>();
  #drawn = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    out: Writable & { readonly columns?: number },
    mode: ProgressMode,
    title: string,
    ansi: boolean,
    dry = false,
  ) {
    this.#out = out;
    this.#mode = mode;
    this.#title = title;
    this.#ansi = ansi;
    this.#dry = dry;
  }

  /** `id` such as `Container shop-db-1`, `text` such as `Creating`. */
  event(
    what: string,
    text: string,
    options: { readonly state?: State; readonly details?: string; readonly about?: string } = {},
  ): void {
    const id = this.#dry && this.#mode === 'tty' ? `${DRY}${what}` : what;
    const state = options.state ?? (DONE.has(text) ? 'done' : text === 'Error' ? 'error' : 'working');
    const details = options.details ?? '';
    const before = this.#lines.get(id);
    const now = performance.now();
    this.#lines.set(id, {
      state,
      text,
      details,
      since: before?.since ?? now,
      until: state === 'working' ? undefined : now,
    });
    if (this.#mode === 'plain') {
      if (before?.text !== text || before.details !== details) this.#out.write(this.#plain(id, text, options));
    } else if (this.#mode === 'json') {
      this.#out.write(`${JSON.stringify(this.#json(id, text, options))}\n`);
    } else if (this.#mode === 'tty') {
      this.#timer ??= setInterval(() => this.#draw(), REFRESH_MS);
      this.#draw();
    }
  }

  /** What is on the way, such as bytes; only a list that is redrawn shows it. */
  detail(id: string, details: string): void {
    const line = this.#lines.get(id);
    if (line) line.details = details;
  }

  /** docker compose has two columns for words: what is done with images and files stands in the first. */
  #plain(id: string, text: string, options: { readonly details?: string; readonly about?: string }): string {
    const [first, second] = columns(id, text, options);
    return `${this.#dry ? ` ${DRY}` : ''} ${id} ${first} ${second}\n`;
  }

  #json(id: string, status: string, options: { readonly details?: string; readonly about?: string }): object {
    const [text, said] = columns(id, status, options);
    return {
      ...(this.#dry ? { 'dry-run': true } : {}),
      id,
      ...(text === '' ? {} : { text }),
      ...(said === '' ? {} : { status: said }),
    };
  }

  /** Says why something is done, below the line about it: `environment.A: "1" -> "2"`. */
  because(id: string, reasons: readonly string[]): void {
    if (reasons.length === 0 || this.#mode === 'quiet') return;
    if (this.#mode === 'json')
      this.#out.write(`${JSON.stringify({ id, status: 'Because', details: reasons.join('; ') })}\n`);
    else this.write(reasons.map((reason) => `   ${id}: because ${reason}\n`).join(''));
  }

  /** Runs something between two events; a failure shows as `Error`. */
  async during<T>(
    id: string,
    doing: string,
    done: string,
    work: () => Promise<T>,
    options: { readonly about?: string } = {},
  ): Promise<T> {
    this.event(id, doing, options);
    try {
      const result = await work();
      this.event(id, done, options);
      return result;
    } catch (e) {
      this.event(id, ENDS.has(doing) ? `Error while ${doing}` : 'Error', { ...options, state: 'error' });
      throw e;
    }
  }

  /** Text that others print, such as a build's output, above the list. */
  write(text: string): void {
    if (this.#mode === 'quiet') return;
    this.#erase();
    this.#out.write(text);
    this.#draw();
  }

  /** Leaves the list as it is and shows nothing more: what follows is somebody else's output. */
  mute(): void {
    this.close();
    this.#mode = 'quiet';
  }

  /** Leaves the list as it is on the screen. */
  close(): void {
    if (this.#mode === 'tty' && this.#lines.size > 0) this.#draw();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#drawn = 0;
    this.#lines.clear();
  }
  [Symbol.dispose](): void {
    this.close();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
  }

  #draw(): void {
    if (this.#mode !== 'tty' || this.#lines.size === 0) return;
    const columns = this.#out.columns ?? 80;
    const lines = [...this.#lines];
    const done = lines.filter(([, l]) => l.state !== 'working').length;
    const width = Math.max(...lines.map(([id]) => id.length));
    const icon = SPINNER[this.#frame++ % SPINNER.length] ?? '';
    const now = performance.now();
    const header = `[+] ${this.#title} ${done}/${lines.length}`;
    const rows = lines.map(([id, line]) => {
      const mark = {
        working: this.#colour(33, icon),
        done: this.#colour(32, '✔'),
        warning: this.#colour(33, '!'),
        error: this.#colour(31, '✘'),
      }[line.state];
      const status = line.details === '' ? line.text : `${line.text} ${line.details}`;
      const shownStatus =
        line.state === 'working'
          ? status
          : this.#colour(line.state === 'done' ? 32 : line.state === 'error' ? 31 : 33, status);
      const timer = `${(((line.until ?? now) - line.since) / 1000).toFixed(1)}s`;
      const left = ` x ${id.padEnd(width)} ${status}`.length;
      const gap = Math.max(1, columns - left - timer.length - 1);
      return ` ${mark} ${id.padEnd(width)} ${shownStatus}${' '.repeat(gap)}${this.#colour(34, timer)}`;
    });
    this.#erase();
    this.#out.write(`${[done === lines.length ? this.#colour(34, header) : header, ...rows].join('\n')}\n`);
    this.#drawn = rows.length + 1;
  }

  #colour(code: number, text: string): string {
    return this.#ansi ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
