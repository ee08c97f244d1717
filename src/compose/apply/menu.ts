import { Writable } from 'node:stream';
import type { ComposeIo } from '../io.ts';

/** What `process.stdin` is on a terminal. */
interface Keys {
  setRawMode?(raw: boolean): unknown;
}

export interface MenuActions {
  /** Ctrl-C, which a terminal in raw mode hands over as a key. */
  readonly interrupt: () => void;
  readonly detach: () => void;
  /** Turns watching on or off; says whether it is on now. */
  readonly toggleWatch: () => boolean;
}

/**
 * The line of keys below the output of an attached `up`. What is printed meanwhile must go through `stdout` and `stderr`
 * here, in whole lines: the menu makes room and stands below it again.
 */
export class Menu implements Disposable {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly #io: ComposeIo;
  readonly #actions: MenuActions;
  readonly #onKey = (chunk: Buffer | string): void => this.#keys(chunk.toString());
  #watching: boolean;
  #open = false;

  constructor(io: ComposeIo, watching: boolean, actions: MenuActions) {
    this.#io = io;
    this.#actions = actions;
    this.#watching = watching;
    this.stdout = this.#above(io.stdout);
    this.stderr = this.#above(io.stderr);
  }

  open(): void {
    const stdin = this.#io.stdin as ComposeIo['stdin'] & Keys;
    stdin.setRawMode?.(true);
    stdin.on('data', this.#onKey);
    stdin.resume();
    this.#open = true;
    this.#draw();
  }

  /** Gives the keyboard back and takes the line away. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const stdin = this.#io.stdin as ComposeIo['stdin'] & Keys;
    stdin.off('data', this.#onKey);
    stdin.setRawMode?.(false);
    stdin.pause();
    this.#io.stdout.write('\r\x1b[2K');
  }
  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether the line says that watching is on. */
  setWatching(watching: boolean): void {
    this.#watching = watching;
    if (this.#open) this.#draw();
  }

  #keys(keys: string): void {
    for (const key of keys) {
      if (!this.#open) return;
      if (key === '\x03') this.#actions.interrupt();
      else if (key === 'd') this.#actions.detach();
      else if (key === 'w') {
        this.setWatching(this.#actions.toggleWatch());
      } else if (key === '\r' || key === '\n') this.stdout.write('\n');
    }
  }

  #draw(): void {
    const key = (letter: string, what: string): string => `\x1b[1;7m${letter}\x1b[0m\x1b[2m ${what}\x1b[0m`;
    const watch = key('w', this.#watching ? 'Disable Watch' : 'Enable Watch');
    this.#io.stdout.write(`\r\x1b[2K${watch}   ${key('d', 'Detach')}`);
  }

  #above(out: Writable): Writable {
    return new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        if (this.#open) this.#io.stdout.write('\r\x1b[2K');
        out.write(chunk, (e) => done(e));
        if (this.#open) this.#draw();
      },
    });
  }
}
