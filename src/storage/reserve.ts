import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const BYTES = 2 * 1024 * 1024;
/** So much must be free beside it before it is taken again. */
const SPARE_BYTES = 8 * BYTES;
/** A look costs microseconds, and the next to fill the disk may come at once. */
const RETRY_MS = 20;

/**
 * Room on the disk that is kept for the worst hour: when nothing can be written any more it is given up, so that the database
 * can still be opened and things can be deleted, which is what makes room again.
 */
export class Reserve {
  readonly #path: string;
  #heldAtMs = 0;
  #held: boolean;

  constructor(path: string) {
    this.#path = path;
    this.#held = statSync(path, { throwIfNoEntry: false })?.size === BYTES;
  }

  /** Gives the room up. `false`: it was given up before. */
  release(): boolean {
    if (!this.#held) return false;
    this.#held = false;
    this.#heldAtMs = Date.now();
    rmSync(this.#path, { force: true });
    // ext4 hands out what was freed only after its journal has it.
    const directory = openSync(dirname(this.#path), 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    return true;
  }

  /** Gives it up if the disk has less room than that. */
  releaseIfTight(): void {
    if (freeBytes(this.#path) < BYTES) this.release();
  }

  /** Takes the room again if there is enough; looks for that only now and then. */
  restore(): void {
    if (this.#held || Date.now() - this.#heldAtMs < RETRY_MS) return;
    this.#heldAtMs = Date.now();
    if (freeBytes(this.#path) < SPARE_BYTES) return;
    let fd: number | undefined;
    try {
      fd = openSync(this.#path, 'w', 0o600);
      for (let at = 0; at < BYTES; ) at += writeSync(fd, Buffer.alloc(BYTES - at));
      this.#held = true;
    } catch {
      rmSync(this.#path, { force: true }); // somebody else was faster
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}
