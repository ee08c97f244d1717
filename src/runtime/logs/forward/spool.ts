import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { decodeRecord, type LogRecord } from '../decode-record.ts';
import { type OpenLog, openLogFiles, openSuccessor } from '../log-files.ts';

const READ_BYTES = 256 * 1024;
const NEWLINE = 10;
const POSITION_BYTES = 16;

/** A place in a rotated log: a file and how far into it. */
export interface SpoolPosition {
  readonly inode: number;
  readonly offset: number;
}

/** A record, and the place behind it. */
export interface SpooledRecord {
  readonly record: LogRecord;
  readonly end: SpoolPosition;
}

/** Reads a log that is still written to and rotated, from a place on. What was rotated away unread is lost. */
export class SpoolReader {
  readonly #path: string;
  #file: OpenLog | undefined;
  #offset = 0;
  readonly #block = Buffer.allocUnsafeSlow(READ_BYTES);

  private constructor(path: string) {
    this.#path = path;
  }

  /** @param from where an earlier reader was; the beginning if that file is gone */
  static async open(path: string, from: SpoolPosition | undefined): Promise<SpoolReader> {
    const reader = new SpoolReader(path);
    const files = await openLogFiles(path);
    const known = from === undefined ? undefined : files.find((file) => file.inode === from.inode);
    const file = known ?? files[0];
    for (const other of files) if (other !== file) await other.handle.close();
    reader.#file = file;
    if (known !== undefined && from !== undefined) reader.#offset = Math.min(from.offset, known.size);
    return reader;
  }

  /** The next records; empty when there is nothing more for now. They are good until the next call. */
  async next(): Promise<SpooledRecord[]> {
    for (;;) {
      if (this.#file === undefined) {
        [this.#file] = await openLogFiles(this.#path);
        if (this.#file === undefined) return [];
      }
      const found = await this.#read(this.#file);
      if (found.length > 0) return found;
      const successor = await openSuccessor(this.#path, this.#file.inode);
      if (successor === undefined) return [];
      // It was written to until it was put aside.
      const rest = await this.#read(this.#file);
      if (rest.length > 0) {
        await successor.handle.close();
        return rest;
      }
      await this.#file.handle.close();
      this.#file = successor;
      this.#offset = 0;
    }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  async #read(file: OpenLog): Promise<SpooledRecord[]> {
    const { bytesRead } = await file.handle.read(this.#block, 0, READ_BYTES, this.#offset);
    const found: SpooledRecord[] = [];
    const block = this.#block.subarray(0, bytesRead);
    for (let at = 0; at < bytesRead; ) {
      const end = block.indexOf(NEWLINE, at);
      if (end < 0) break;
      const record = decodeRecord(block.subarray(at, end));
      at = end + 1;
      if (record !== undefined) found.push({ record, end: { inode: file.inode, offset: this.#offset + at } });
      // A damaged line: nobody is to come by here again.
      else if (found.length === 0) {
        this.#offset += at;
        return await this.#read(file);
      }
    }
    this.#offset = found.at(-1)?.end.offset ?? this.#offset;
    return found;
  }
}

/** How far a log was sent, in a file beside it, for whoever goes on after a crash. */
export class SentPosition {
  readonly #fd: number;
  readonly #path: string;
  readonly #bytes = Buffer.alloc(POSITION_BYTES);

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  }

  read(): SpoolPosition | undefined {
    const bytes = readFileSync(this.#path);
    if (bytes.length < POSITION_BYTES) return undefined;
    return { inode: Number(bytes.readBigUInt64LE(0)), offset: Number(bytes.readBigUInt64LE(8)) };
  }

  save({ inode, offset }: SpoolPosition): void {
    this.#bytes.writeBigUInt64LE(BigInt(inode), 0);
    this.#bytes.writeBigUInt64LE(BigInt(offset), 8);
    try {
      writeSync(this.#fd, this.#bytes, 0, POSITION_BYTES, 0);
    } catch {
      // A full disk: after a crash some lines may be sent twice.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
