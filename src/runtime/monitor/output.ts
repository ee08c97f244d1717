import { constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { ReadStream } from 'node:tty';
import { errnoOf } from '../../core/errors.ts';
import { setPipeSize } from '../../linux/index.ts';

const READ_BYTES = 256 * 1024;
const PIPE_BYTES = 1024 * 1024;
/** One for all: a read and its callback are one turn of the loop, so it is never in use twice. */
let shared: Buffer | undefined;

export interface Output {
  /** Nothing more is read, so that the process is held up once the pipe is full. */
  pause(): void;
  resume(): void;
  /** Delivers everything written so far. For when the process has ended. */
  drain(): void;
  destroy(): void;
}

/** Reads a FIFO that the process holds for reading and writing: it ends when the last process that has it has closed it. */
export class FifoOutput implements Output {
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #deliver: (chunk: Buffer) => void;
  #done = false;

  /** Opened before anyone writes: begin reading with `start`, when a writer has it open. */
  constructor(path: string, deliver: (chunk: Buffer) => void) {
    shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
    const buffer = shared;
    this.#deliver = deliver;
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    setPipeSize(this.#fd, PIPE_BYTES);
    this.#socket = new Socket({
      fd: this.#fd,
      readable: true,
      writable: false,
      onread: {
        buffer,
        callback: (count: number): boolean => {
          deliver(buffer.subarray(0, count));
          return true;
        },
      },
    });
    this.#socket.on('error', () => this.destroy()).on('end', () => this.destroy());
  }

  pause(): void {
    if (!this.#done) this.#socket.pause();
  }
  resume(): void {
    if (!this.#done) this.#socket.resume();
  }

  drain(): void {
    const buffer = shared;
    while (!this.#done && buffer !== undefined) {
      let count: number;
      try {
        count = readSync(this.#fd, buffer);
      } catch (e) {
        if (errnoOf(e) === 'EAGAIN') return;
        throw e;
      }
      if (count === 0) return;
      this.#deliver(buffer.subarray(0, count));
    }
  }

  destroy(): void {
    this.#done = true;
    this.#socket.destroy();
  }
}

/** Reads a terminal's master side: it fails with EIO when no process has the terminal any more. */
export class TerminalOutput implements Output {
  readonly stream: ReadStream;
  readonly #fd: number;
  readonly #deliver: (chunk: Buffer) => void;
  #done = false;

  constructor(fd: number, deliver: (chunk: Buffer) => void) {
    this.#fd = fd;
    this.#deliver = deliver;
    this.stream = new ReadStream(fd);
    this.stream
      .on('data', deliver)
      .on('error', () => this.#close())
      .on('end', () => this.#close());
  }

  get fd(): number | undefined {
    return this.#done ? undefined : this.#fd;
  }
  pause(): void {
    if (!this.#done) this.stream.pause();
  }
  resume(): void {
    if (!this.#done) this.stream.resume();
  }

  drain(): void {
    if (this.#done) return;
    for (let held = this.stream.read() as Buffer | null; held !== null; held = this.stream.read() as Buffer | null) {
      this.#deliver(held);
    }
    const buffer = Buffer.allocUnsafe(64 * 1024);
    for (;;) {
      let count: number;
      try {
        count = readSync(this.#fd, buffer);
      } catch (e) {
        if (errnoOf(e) === 'EAGAIN' || errnoOf(e) === 'EIO') return;
        throw e;
      }
      if (count === 0) return;
      this.#deliver(Buffer.from(buffer.subarray(0, count)));
    }
  }

  destroy(): void {
    this.#close();
  }
  #close(): void {
    this.#done = true;
    this.stream.destroy();
  }
}
