/**
 * Bytes of a container's output to records of a json-file log: `{"log":"...\n","stream":"stdout","time":"..."}`, one a line.
 * Lines longer than 16 KiB are cut into several records, of which only the last has its newline (as Docker does), and so is a
 * last line without one. Bytes that are no UTF-8 become U+FFFD.
 *
 * This is the hot loop of the monitor: it looks at each byte once and takes no strings.
 */
export const MAX_RECORD_BYTES = 16 * 1024;

/** 0: copied as it is; 1: begins a multi-byte character or is none; 2: needs an escape; 3: newline. */
const CLASS = new Uint8Array(256);
for (let i = 0; i < 256; i++) CLASS[i] = i === 10 ? 3 : i < 32 || i === 34 || i === 92 ? 2 : i >= 128 ? 1 : 0;

const HEX = Buffer.from('0123456789abcdef');
const SHORT_ESCAPE = new Map(
  [
    [8, 'b'],
    [9, 't'],
    [12, 'f'],
    [13, 'r'],
    [34, '"'],
    [92, '\\'],
  ].map(([byte, letter]) => [byte as number, String(letter).charCodeAt(0)] as const),
);

const BACKSLASH = 92;
const NEWLINE = 10;
/** Six bytes of output for each of input, at worst (`\u001b`, or U+FFFD's three for one). */
const MAX_GROWTH = 6;
const LONGEST_CHARACTER = 4;

/** Where records go. `offset` bytes of `buffer` are filled; `flush` takes them and starts anew. */
export interface RecordSink {
  readonly buffer: Uint8Array;
  offset: number;
  /** Called at the end of a record only, when less than a record's room is left or `limit` is passed. */
  flush(): void;
  /** Fill `buffer` up to here at most, give or take a record: what is left in the file before it is rotated. */
  limit: number;
}

export class LineEncoder {
  readonly #prefix = Buffer.from('{"log":"');
  readonly #stream: string;
  readonly #attrs: string;
  #carry = Buffer.alloc(0);

  /** @param attrs rendered JSON of extra attributes, or `''` */
  constructor(stream: 'stdout' | 'stderr', attrs = '') {
    this.#stream = stream;
    this.#attrs = attrs === '' ? '' : `"attrs":${attrs},`;
  }

  /** What has come since the last newline and is in no record yet. */
  get carry(): Buffer {
    return this.#carry;
  }

  /** Begins with what an encoder before this one had left. */
  restore(carry: Buffer): void {
    this.#carry = Buffer.from(carry);
  }

  /** Takes a chunk; `time` is RFC 3339 with nine digits. The chunk may be used again afterwards. */
  push(chunk: Buffer, time: string, sink: RecordSink): void {
    const suffix = this.#suffix(time);
    const closing = Buffer.from(`\\n${suffix}`);
    let from = 0;
    if (this.#carry.length > 0) {
      const newline = chunk.indexOf(NEWLINE);
      const end = newline < 0 ? chunk.length : newline + 1;
      const joined = Buffer.concat([this.#carry, chunk.subarray(0, end)]);
      this.#carry = Buffer.alloc(0);
      const left = this.#encode(joined, 0, closing, suffix, sink);
      if (left < joined.length) this.#carry = Buffer.from(joined.subarray(left));
      from = end;
    }
    const left = this.#encode(chunk, from, closing, suffix, sink);
    if (left < chunk.length) this.#carry = Buffer.from(chunk.subarray(left));
  }

  /** The end of the stream: what is left becomes a record without a newline. */
  end(time: string, sink: RecordSink): void {
    if (this.#carry.length === 0) return;
    const suffix = this.#suffix(time);
    // Written as a line whose newline is then left out; never more than two records.
    const line = Buffer.concat([this.#carry, Buffer.from('\n')]);
    this.#carry = Buffer.alloc(0);
    this.#encode(line, 0, Buffer.from(suffix), suffix, sink, true);
  }

  #suffix(time: string): string {
    return `","stream":"${this.#stream}",${this.#attrs}"time":"${time}"}\n`;
  }

  /** Whole lines from `from` on, and pieces of too long ones. Gives where the rest begins. */
  #encode(chunk: Buffer, from: number, closing: Buffer, suffix: string, sink: RecordSink, final = false): number {
    const prefix = this.#prefix;
    const room = MAX_RECORD_BYTES * MAX_GROWTH + prefix.length + closing.length;
    const length = chunk.length;
    const out = sink.buffer;
    let at = from;
    while (at < length) {
      if (sink.offset > sink.limit || out.length - sink.offset < room) sink.flush();
      const recordStart = sink.offset;
      const stop = Math.min(length, at + MAX_RECORD_BYTES);
      let o = recordStart;
      for (let k = 0; k < prefix.length; k++) out[o++] = prefix[k] as number;
      let i = at;
      let ended = false;
      while (i < stop) {
        const byte = chunk[i] as number;
        const kind = CLASS[byte];
        if (kind === 0) {
          out[o++] = byte;
          i++;
        } else if (kind === 3) {
          ended = true;
          break;
        } else if (kind === 2) {
          o = escape(byte, out, o);
          i++;
        } else {
          const size = characterSize(chunk, i, length);
          if (size === 0) {
            out[o++] = 0xef;
            out[o++] = 0xbf;
            out[o++] = 0xbd;
            i++;
          } else if (i + size > stop) break;
          else for (let k = 0; k < size; k++) out[o++] = chunk[i++] as number;
        }
      }
      if (ended) {
        for (let k = 0; k < closing.length; k++) out[o++] = closing[k] as number;
        sink.offset = o;
        at = i + 1;
        continue;
      }
      // Until it is sure that this is a full piece, that no newline follows and no character is torn, it waits for more.
      if (!final && length - at < MAX_RECORD_BYTES + LONGEST_CHARACTER && chunk.indexOf(NEWLINE, i) < 0) return at;
      if (chunk[i] === NEWLINE) {
        for (let k = 0; k < closing.length; k++) out[o++] = closing[k] as number;
        sink.offset = o;
        at = i + 1;
        continue;
      }
      o += Buffer.from(out.buffer, out.byteOffset, out.byteLength).write(suffix, o, 'latin1');
      sink.offset = o;
      at = i;
    }
    return at;
  }
}

function escape(byte: number, out: Uint8Array, offset: number): number {
  let o = offset;
  out[o++] = BACKSLASH;
  const letter = SHORT_ESCAPE.get(byte);
  if (letter !== undefined) {
    out[o++] = letter;
    return o;
  }
  out[o++] = 117; // u
  out[o++] = 48;
  out[o++] = 48;
  out[o++] = HEX[byte >> 4] as number;
  out[o++] = HEX[byte & 15] as number;
  return o;
}

/** How many bytes the character at `i` takes; 0: no valid UTF-8 (RFC 3629, section 4). */
function characterSize(chunk: Buffer, i: number, length: number): number {
  const first = chunk[i] as number;
  const size =
    first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 0;
  if (size === 0 || i + size > length) return 0;
  const second = chunk[i + 1] as number;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let k = 2; k < size; k++) if (((chunk[i + k] as number) & 0xc0) !== 0x80) return 0;
  return size;
}

/** Nanoseconds since 1970 as RFC 3339 in UTC, always with nine digits: records sort and compare as text. */
export function rfc3339Nano(nanos: bigint): string {
  const seconds = nanos / 1_000_000_000n;
  const rest = nanos % 1_000_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(rest).padStart(9, '0')}Z`;
}
