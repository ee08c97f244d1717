import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ReadStream } from 'node:tty';
import { errnoOf } from '../../core/errors.ts';

/**
 * A process' stdin: the writing end of a FIFO, or the terminal. Several attached clients may write; back-pressure is passed
 * on to each. A process that has closed its stdin swallows the rest.
 */
export class Input {
  #stream: Socket | undefined;
  readonly #isTerminal: boolean;
  /** Called when no more will be written. */
  onEnd: (() => void) | undefined;

  private constructor(stream: Socket, isTerminal: boolean) {
    this.#stream = stream;
    this.#isTerminal = isTerminal;
    const gone = (): void => {
      this.#stream = undefined;
    };
    // EPIPE: the process reads no more. The terminal's errors are its reader's business.
    if (!isTerminal) stream.on('error', gone).on('close', gone);
  }

  /** @throws {Error} `ENXIO` if nobody has the FIFO open for reading */
  static fifo(path: string): Input {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Input(new Socket({ fd, readable: false, writable: true }), false);
  }

  static terminal(stream: ReadStream): Input {
    return new Input(stream, true);
  }

  /** Passes on what the client sends; calls `ended` when it sends no more. */
  connect(client: Socket, ended: () => void): void {
    client.on('data', (chunk: Buffer) => {
      const stream = this.#stream;
      if (stream === undefined || stream.destroyed || !stream.writable) return;
      if (stream.write(chunk)) return;
      client.pause();
      const go = (): void => {
        stream.off('drain', go).off('close', go);
        client.resume();
      };
      stream.on('drain', go).on('close', go);
    });
    // Of a socket that was paused the end may have been told already: Node keeps back bytes, not an end without any.
    if (client.readableEnded) ended();
    else client.once('end', ended);
  }

  /** End of file, once everything before it is written. A terminal has none: its process goes on. */
  end(): void {
    if (this.#isTerminal) return;
    this.#stream?.end();
    this.onEnd?.();
  }

  destroy(): void {
    if (!this.#isTerminal) this.#stream?.destroy();
    this.#stream = undefined;
  }
}

/** Opens the writing end again after a monitor's death. `undefined`: the process has closed its side. */
export function reopenInput(path: string): Input | undefined {
  try {
    return Input.fifo(path);
  } catch (e) {
    if (errnoOf(e) === 'ENXIO' || errnoOf(e) === 'ENOENT') return undefined;
    throw e;
  }
}
