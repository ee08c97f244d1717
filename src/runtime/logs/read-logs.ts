import { Readable } from 'node:stream';
import { frameHeader, STREAM } from '../../core/frames.ts';
import type { LogQuery } from '../contract.ts';
import { decodeRecord, type LogRecord } from './decode-record.ts';
import { rfc3339Nano } from './encode-lines.ts';
import { type OpenLog, openLogFiles, openSuccessor, tailPosition } from './log-files.ts';

const READ_BYTES = 256 * 1024;
const BATCH_BYTES = 64 * 1024;
const NEWLINE = 10;

/** Tells that the log has grown. */
export interface LogWatch {
  /** Resolves with `true` when something may have been written since the last call, `false` when nothing more will be. */
  next(): Promise<boolean>;
  close(): void;
}

export type LogReadQuery = Omit<LogQuery, 'follow'> & {
  readonly tty: boolean;
  /** RFC 3339 with nine digits: records after it are left out, as with `untilNanos`. */
  readonly until?: string | undefined;
};

/**
 * A log's records as the bytes of an attach connection: a frame each, or raw for a terminal.
 * @param watch follow until it says that there is no more; opened before the first byte is read, so that nothing is missed
 */
export function readLog(path: string, query: LogReadQuery, watch?: () => Promise<LogWatch>): Readable {
  return Readable.from(records(path, query, watch), { objectMode: false });
}

async function* records(
  path: string,
  query: LogReadQuery,
  open: (() => Promise<LogWatch>) | undefined,
): AsyncGenerator<Buffer, void, void> {
  const watch = await open?.();
  const filter = new Filter(query);
  let files: OpenLog[] = [];
  try {
    files = await openLogFiles(path);
    const { index, offset } =
      query.tail === undefined ? { index: 0, offset: 0 } : await tailPosition(files, query.tail);
    for (const passed of files.splice(0, index)) await passed.handle.close();
    let start = offset;
    for (let more = true; more; ) {
      // Asked before reading: what is written after the answer is announced anew.
      for (let file = files[0]; file !== undefined; file = files[0]) {
        const reader = new LineReader(
          file,
          start,
          // What is written meanwhile is for those who follow: else the last 20 lines may turn out to be 22.
          watch === undefined ? file.size : Number.POSITIVE_INFINITY,
        );
        start = 0;
        for (;;) {
          yield* batches(reader, filter);
          if (filter.over) return;
          if (files.length > 1) break;
          if (watch === undefined) return;
          const successor = await openSuccessor(path, file.inode);
          if (successor !== undefined) {
            files.push(successor);
            // It was written to until it was put aside.
            yield* batches(reader, filter);
            break;
          }
          if (!more) return;
          more = await watch.next();
        }
        files.shift();
        await file.handle.close();
      }
      // No file yet.
      if (watch === undefined || !more) return;
      more = await watch.next();
      files = await openLogFiles(path);
    }
  } finally {
    watch?.close();
    for (const file of files) await file.handle.close();
  }
}

async function* batches(reader: LineReader, filter: Filter): AsyncGenerator<Buffer, void, void> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for (let lines = await reader.read(); lines !== undefined; lines = await reader.read()) {
    for (const line of lines) {
      for (const piece of filter.take(line)) {
        batch.push(piece);
        bytes += piece.length;
      }
      if (filter.over) break;
      if (bytes < BATCH_BYTES) continue;
      yield Buffer.concat(batch, bytes);
      batch = [];
      bytes = 0;
    }
    if (filter.over) break;
  }
  if (bytes > 0) yield Buffer.concat(batch, bytes);
}

/** Whole lines of a file that may still grow. */
class LineReader {
  readonly #file: OpenLog;
  readonly #end: number;
  #position: number;
  #rest = Buffer.alloc(0);
  readonly #block = Buffer.allocUnsafe(READ_BYTES);

  /** @param end nothing behind it is read */
  constructor(file: OpenLog, position: number, end: number) {
    this.#end = end;
    this.#file = file;
    this.#position = position;
  }

  /** `undefined`: nothing more for now. The lines are good until the next call. */
  async read(): Promise<Iterable<Buffer> | undefined> {
    const { bytesRead } = await this.#file.handle.read(
      this.#block,
      0,
      Math.min(READ_BYTES, this.#end - this.#position),
      this.#position,
    );
    if (bytesRead === 0) return undefined;
    this.#position += bytesRead;
    const fresh = this.#block.subarray(0, bytesRead);
    const all = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    const end = all.lastIndexOf(NEWLINE) + 1;
    this.#rest = Buffer.from(all.subarray(end));
    return split(all.subarray(0, end));
  }
}

function* split(lines: Buffer): Generator<Buffer> {
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf(NEWLINE, at);
    yield lines.subarray(at, end);
    at = end + 1;
  }
}

class Filter {
  readonly #query: LogReadQuery;
  readonly #since: string;
  readonly #until: string;
  /** No later record can pass. */
  over = false;

  constructor(query: LogReadQuery) {
    this.#query = query;
    this.#since = query.sinceNanos === undefined ? '' : rfc3339Nano(query.sinceNanos);
    this.#until = query.until ?? (query.untilNanos === undefined ? '~' : rfc3339Nano(query.untilNanos));
  }

  *take(line: Buffer): Generator<Buffer> {
    const record = decodeRecord(line);
    if (record === undefined || !this.#query[record.stream]) return;
    if (record.time < this.#since) return;
    if (record.time > this.#until) {
      this.over = true;
      return;
    }
    const prefix = this.#prefix(record);
    if (!this.#query.tty) yield frameHeader(STREAM[record.stream], prefix.length + record.payload.length);
    if (prefix.length > 0) yield prefix;
    yield record.payload;
  }

  #prefix(record: LogRecord): Buffer {
    let text = this.#query.timestamps ? `${record.time} ` : '';
    if (this.#query.details) {
      const attrs = Object.entries(record.attrs ?? {}).map(
        ([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`,
      );
      text += `${attrs.sort().join(',')} `;
    }
    return Buffer.from(text);
  }
}
