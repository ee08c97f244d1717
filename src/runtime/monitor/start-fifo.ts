import { closeSync, constants, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import type { RuntimeProgram } from './protocol.ts';

/** Where a created container's process waits to be started, for the runtimes whose way we know. */
export function startFifo(program: RuntimeProgram, containerId: string): string | undefined {
  if (program.kind !== 'runc' && program.kind !== 'crun') return undefined;
  const path = join(program.root, containerId, 'exec.fifo');
  return existsSync(path) ? path : undefined;
}

/**
 * Starts a created container as the runtime's own `start` does, without running that: runc's process waits to write a byte
 * to the FIFO (libcontainer, `linuxContainer.exec`), crun's to read one (crun, `libcrun_status_write_exec_fifo`).
 */
export class StartGate {
  readonly #path: string;
  readonly #reading: boolean;
  #opened = false;
  /** The other side, in place of a process that has ended. */
  #standIn: number | undefined;

  constructor(path: string, program: RuntimeProgram) {
    this.#path = path;
    this.#reading = program.kind === 'runc';
  }

  /** @throws {Error} if the process ended before */
  async release(): Promise<void> {
    if (!this.#reading && this.#releaseAtOnce()) return;
    try {
      // Opening waits for the other side, in a thread.
      await using handle = await open(this.#path, this.#reading ? constants.O_RDONLY : constants.O_WRONLY);
      this.#dismiss();
      if (this.#reading) {
        const { bytesRead } = await handle.read(Buffer.alloc(1), 0, 1);
        if (bytesRead === 0) throw new Error('cannot start a container that has stopped');
      } else {
        await handle.write('\0');
      }
      rmSync(this.#path, { force: true });
    } finally {
      this.#dismiss();
    }
  }

  /** Where the process waits at the FIFO already, as it mostly does. */
  #releaseAtOnce(): boolean {
    let fd: number;
    try {
      fd = openSync(this.#path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (e) {
      if (errnoOf(e) === 'ENXIO') return false;
      throw e;
    }
    try {
      this.#opened = true;
      writeSync(fd, '\0');
    } finally {
      closeSync(fd);
    }
    rmSync(this.#path, { force: true });
    return true;
  }

  /** The process has ended: a `release` that waits for it, or is about to, goes on. */
  giveUp(): void {
    if (this.#opened || this.#standIn !== undefined) return;
    try {
      this.#standIn = openSync(this.#path, constants.O_RDWR | constants.O_NONBLOCK);
    } catch (e) {
      if (errnoOf(e) !== 'ENOENT') throw e;
    }
  }

  #dismiss(): void {
    this.#opened = true;
    if (this.#standIn !== undefined) closeSync(this.#standIn);
    this.#standIn = undefined;
  }
}
