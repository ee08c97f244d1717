import { StringDecoder } from 'node:string_decoder';
import type { Writable } from 'node:stream';

const COLOURS = ['36', '33', '32', '35', '34', '36;1', '33;1', '32;1', '35;1', '34;1'];

/** Prints lines of many containers, each behind its container's name. */
export class LogPrinter {
  readonly #out: Writable;
  readonly #err: Writable;
  readonly #prefix: boolean;
  readonly #colour: boolean;
  readonly #timestamps: boolean;
  readonly #colours = new Map<string, string>();
  #width = 0;

  constructor(
    out: Writable,
    err: Writable,
    options: { readonly prefix: boolean; readonly colour: boolean; readonly timestamps?: boolean },
  ) {
    this.#out = out;
    this.#err = err;
    this.#prefix = options.prefix;
    this.#colour = options.colour;
    this.#timestamps = options.timestamps ?? false;
  }

  /** Makes room for a name, so that all lines have their text in one column. */
  register(name: string): void {
    this.#width = Math.max(this.#width, name.length);
    if (!this.#colours.has(name)) this.#colours.set(name, COLOURS[this.#colours.size % COLOURS.length] ?? '36');
  }

  /** Takes the bytes of one stream of one container, in any pieces. */
  source(name: string, stream: 'stdout' | 'stderr'): LineSource {
    this.register(name);
    return new LineSource((line) => this.#line(name, stream, line));
  }

  /** A line of our own, such as `web-1 exited with code 0`. */
  status(name: string, text: string): void {
    this.register(name);
    this.#out.write(`${this.#paint(name, name)} ${text}\n`);
  }

  #line(name: string, stream: 'stdout' | 'stderr', line: string): void {
    const out = stream === 'stderr' ? this.#err : this.#out;
    const time = this.#timestamps ? `${new Date().toISOString()} ` : '';
    out.write(
      this.#prefix ? `${this.#paint(name, `${name.padEnd(this.#width)}  | `)}${time}${line}\n` : `${time}${line}\n`,
    );
  }

  #paint(name: string, text: string): string {
    return this.#colour ? `\x1b[${this.#colours.get(name) ?? '36'}m${text}\x1b[0m` : text;
  }
}

/** Cuts bytes into lines; what has no newline at the end is a line too. */
export class LineSource {
  readonly #decoder = new StringDecoder('utf8');
  readonly #print: (line: string) => void;
  #rest = '';

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#print(line);
  }

  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') this.#print(rest);
  }
}
