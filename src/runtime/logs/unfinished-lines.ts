import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

/** Inode and size of the log (8 bytes each), then the length of stdout's part and of stderr's (4 each), then both. */
const HEAD_BYTES = 24;

/** A log file at a moment. */
interface LogPosition {
  readonly inode: number;
  readonly size: number;
}

/**
 * What a container has written since its last newline, in a small file beside its FIFOs: with the writer's death it would be
 * gone, as it is in no record yet. It counts only for a log that is just as it was then, so that nothing can come twice.
 */
export class UnfinishedLines {
  readonly #path: string;
  #fd = -1;
  #isEmpty = true;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was kept for a log in this state. */
  restore(log: LogPosition): (readonly ['stdout' | 'stderr', Buffer])[] {
    let kept: Buffer;
    try {
      kept = readFileSync(this.#path);
    } catch {
      return [];
    }
    if (kept.length < HEAD_BYTES) return [];
    if (kept.readBigUInt64LE(0) !== BigInt(log.inode) || kept.readBigUInt64LE(8) !== BigInt(log.size)) return [];
    const middle = HEAD_BYTES + kept.readUInt32LE(16);
    const end = middle + kept.readUInt32LE(20);
    if (kept.length < end) return [];
    this.#isEmpty = false;
    return [
      ['stdout', kept.subarray(HEAD_BYTES, middle)],
      ['stderr', kept.subarray(middle, end)],
    ];
  }

  /** To be called after each write; costs nothing as long as output comes in whole lines. */
  keep(log: LogPosition, stdout: Buffer, stderr: Buffer): void {
    const isEmpty = stdout.length === 0 && stderr.length === 0;
    if (isEmpty && this.#isEmpty) return;
    this.#isEmpty = isEmpty;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeBigUInt64LE(BigInt(log.inode), 0);
    head.writeBigUInt64LE(BigInt(log.size), 8);
    head.writeUInt32LE(stdout.length, 16);
    head.writeUInt32LE(stderr.length, 20);
    try {
      if (this.#fd < 0) this.#fd = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o600);
      writeSync(this.#fd, Buffer.concat([head, stdout, stderr]), 0, HEAD_BYTES + stdout.length + stderr.length, 0);
    } catch {
      // No room even for this: the line is at risk only if the writer dies too.
    }
  }

  remove(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    rmSync(this.#path, { force: true });
  }
}
