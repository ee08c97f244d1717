import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
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
 * @throws {Error} if the process ended before
 */
export async function releaseThrough(path: string, program: RuntimeProgram): Promise<void> {
  const reading = program.kind === 'runc';
  // Opening waits for the other side, in a thread.
  const handle = await open(path, reading ? constants.O_RDONLY : constants.O_WRONLY);
  try {
    if (reading) {
      const { bytesRead } = await handle.read(Buffer.alloc(1), 0, 1);
      if (bytesRead === 0) throw new Error('cannot start a container that has stopped');
    } else {
      await handle.write('\0');
    }
    rmSync(path, { force: true });
  } finally {
    await handle.close();
  }
}

/** Lets a `releaseThrough` go whose process has ended. */
export function giveUp(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
  } catch (e) {
    if (errnoOf(e) !== 'ENOENT') throw e;
  }
}
