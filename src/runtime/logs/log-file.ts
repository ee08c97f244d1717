import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import { realtimeNanos } from '../../linux/index.ts';
import type { LogTarget } from '../contract.ts';
import { UnfinishedLines } from './unfinished-lines.ts';
import { LineEncoder, type RecordSink, rfc3339Nano } from './encode-lines.ts';

const BUFFER_BYTES = 1 << 20;
/** Shared by all logs of the process: it is empty between two calls. */
let shared: Uint8Array | undefined;

/** A clock set back by less than this does not make times run backwards within a log. */
const TOLERATED_STEP_NANOS = 1_000_000_000n;

/**
 * A container's json-file log, written by one process only. Records are in the file (not necessarily on the disk) when
 * `write` returns. Rotated between records: `path` becomes `path.1`, and so on.
 */
export class LogFile {
  readonly #target: LogTarget & { readonly path: string };
  readonly #encoders: { readonly stdout: LineEncoder; readonly stderr: LineEncoder };
  readonly #onError: (error: unknown) => void;
  readonly #sink: RecordSink;
  readonly #unfinished: UnfinishedLines | undefined;
  #fd = -1;
  #size = 0;
  #inode = 0;
  #last = 0n;
  #lost = 0;

  /** @param unfinished where to keep unfinished lines, for a writer that goes on after this one has died */
  constructor(target: LogTarget & { readonly path: string }, onError: (error: unknown) => void, unfinished?: string) {
    this.#target = target;
    this.#onError = onError;
    const attrs =
      target.attrs !== undefined && Object.keys(target.attrs).length > 0 ? JSON.stringify(target.attrs) : '';
    this.#encoders = { stdout: new LineEncoder('stdout', attrs), stderr: new LineEncoder('stderr', attrs) };
    shared ??= new Uint8Array(BUFFER_BYTES);
    this.#sink = { buffer: shared, offset: 0, limit: this.#room(), flush: () => this.#flush() };
    mkdirSync(dirname(target.path), { recursive: true });
    this.#open();
    if (unfinished === undefined) return;
    this.#unfinished = new UnfinishedLines(unfinished);
    const at = { inode: this.#inode, size: this.#size };
    for (const [stream, carry] of this.#unfinished.restore(at)) this.#encoders[stream].restore(carry);
  }

  /** Bytes of the last line of each stream, so far without an end and so not in the file. */
  carry(stream: 'stdout' | 'stderr'): Buffer {
    return this.#encoders[stream].carry;
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#encoders[stream].push(chunk, rfc3339Nano(this.#now()), this.#sink);
    this.#flush();
    const { stdout, stderr } = this.#encoders;
    this.#unfinished?.keep({ inode: this.#inode, size: this.#size }, stdout.carry, stderr.carry);
  }

  /** A time at or after that of every record so far, and before that of every record to come. */
  mark(): string {
    return rfc3339Nano(this.#now());
  }

  #now(): bigint {
    const now = realtimeNanos();
    this.#last = now > this.#last || this.#last - now > TOLERATED_STEP_NANOS ? now : this.#last + 1n;
    return this.#last;
  }

  /** Writes what is left of unfinished lines. */
  close(): void {
    if (this.#fd < 0) return;
    const time = rfc3339Nano(this.#now());
    this.#encoders.stdout.end(time, this.#sink);
    this.#encoders.stderr.end(time, this.#sink);
    this.#flush();
    closeSync(this.#fd);
    this.#fd = -1;
    this.#unfinished?.remove();
  }

  #room(): number {
    if (this.#target.maxSizeBytes <= 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#target.maxSizeBytes - this.#size);
  }

  #flush(): void {
    const { buffer, offset } = this.#sink;
    if (offset === 0) return;
    this.#sink.offset = 0;
    if (this.#target.maxSizeBytes > 0 && this.#size >= this.#target.maxSizeBytes) this.#rotate();
    try {
      for (let at = 0; at < offset; ) at += writeSync(this.#fd, buffer, at, offset - at);
      this.#size += offset;
      this.#lost = 0;
    } catch (e) {
      // A full disk must not stop the container: what does not fit is lost, said once until it works again.
      if (this.#lost++ === 0) this.#onError(e);
    }
    this.#sink.limit = this.#room();
  }

  #rotate(): void {
    try {
      const { path, maxFiles } = this.#target;
      closeSync(this.#fd);
      if (maxFiles < 2) rmSync(path, { force: true });
      for (let n = maxFiles - 1; n >= 1; n--) rename(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
    } catch (e) {
      this.#onError(e);
    } finally {
      this.#open();
    }
  }

  #open(): void {
    this.#fd = openSync(this.#target.path, 'a', 0o640);
    const { size, ino } = fstatSync(this.#fd);
    this.#size = size;
    this.#inode = ino;
    this.#sink.limit = this.#room();
  }
}

function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (e) {
    if (errnoOf(e) !== 'ENOENT') throw e;
  }
}
