import { badLayer } from '../errors.ts';
import type { ByteString, EntryType, TarEntry } from './entry.ts';
import { numbersIn, numbersOf, type SparseMap, sparseMap } from './sparse.ts';

/** What a tar's bytes are turned into. All calls are synchronous: a promise for each of 10,000 small files costs more than they. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** A piece of the last entry's content (regular files only); `at` is its place in a sparse file. */
  data(bytes: Buffer, at?: number): void;
  /** The last entry is complete. */
  end(): void;
  /** Every byte that did not go to `data`, and those of sparse files, in order; what is needed to make the same tar again. */
  readonly raw?: ((bytes: Buffer) => void) | undefined;
}

const BLOCK = 512;
/** Longest PAX header or long name that is believed. */
const MAX_EXTENSION = 4 * 1024 * 1024;
const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

interface Unfinished {
  readonly entry: TarEntry;
  readonly size: number;
  readonly numbers: number[];
}

/** Reads ustar, PAX and GNU tars of any chunking. @throws {WharfError} `BAD_LAYER` from `push` and `finish` */
export class TarReader {
  readonly #sink: TarSink;
  #state: 'header' | 'body' | 'padding' | 'trailer' = 'header';
  readonly #header = Buffer.alloc(BLOCK);
  #have = 0;
  #left = 0;
  #padding = 0;
  #zeroBlocks = 0;
  /** What the body now read is: content, nothing of interest, or an extension of the next header. */
  #body: 'content' | 'sparse' | 'sparse-map' | 'skip' | 'pax' | 'longname' | 'longlink' = 'skip';
  #extension: Buffer[] = [];
  #pax = new Map<string, Buffer>();
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;
  /** Of the sparse file being read: its map, and where in it the next byte belongs. */
  #map: SparseMap = { pieces: [], realSize: 0 };
  #piece = 0;
  #within = 0;
  #mapText = '';
  /** An old GNU map goes on in the next block; the entry waits for its end. */
  #unfinished: Unfinished | undefined;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const rest = chunk.length - at;
      if (this.#state === 'header') {
        if (this.#have === 0 && rest >= BLOCK) {
          const block = chunk.subarray(at, at + BLOCK);
          at += BLOCK;
          this.#sink.raw?.(block);
          this.#onBlock(block);
          continue;
        }
        const take = Math.min(BLOCK - this.#have, rest);
        chunk.copy(this.#header, this.#have, at, at + take);
        this.#have += take;
        at += take;
        if (this.#have === BLOCK) {
          this.#have = 0;
          this.#sink.raw?.(Buffer.from(this.#header));
          this.#onBlock(this.#header);
        }
      } else if (this.#state === 'body') {
        const most = this.#body === 'sparse-map' ? BLOCK - (this.#mapText.length % BLOCK) : rest;
        const take = Math.min(this.#left, rest, most);
        const piece = chunk.subarray(at, at + take);
        at += take;
        this.#left -= take;
        if (this.#body === 'content') this.#sink.data(piece);
        else {
          this.#sink.raw?.(piece);
          if (this.#body === 'sparse') this.#scatter(piece);
          else if (this.#body === 'sparse-map') this.#onMapText(piece);
          else if (this.#body !== 'skip') this.#extension.push(Buffer.from(piece));
        }
        if (this.#left === 0) this.#endBody();
      } else if (this.#state === 'padding') {
        const take = Math.min(this.#padding, rest);
        this.#sink.raw?.(chunk.subarray(at, at + take));
        at += take;
        this.#padding -= take;
        if (this.#padding === 0) this.#state = 'header';
      } else {
        this.#sink.raw?.(chunk.subarray(at));
        return;
      }
    }
  }

  /**
   * The stream is over. Without the zeros that should fill its last block (umoci 0.4 leaves them out) it is whole all the same.
   * @throws {WharfError} `BAD_LAYER` if it ended within an entry
   */
  finish(): void {
    if (this.#state === 'body' || this.#have > 0) throw badLayer({ why: 'unexpected EOF' });
  }

  #onBlock(block: Buffer): void {
    if (this.#unfinished) this.#onSparseBlock(block, this.#unfinished);
    else this.#onHeader(block);
  }

  /** The map of an old GNU sparse file, as far as it does not fit into the header: 21 pairs a block. */
  #onSparseBlock(block: Buffer, unfinished: Unfinished): void {
    const numbers = [...unfinished.numbers, ...gnuPairs(block, 0, 21)];
    this.#unfinished = { ...unfinished, numbers };
    if (numbers.length > 2_000_000) throw badLayer({ why: 'invalid tar header: malformed map of a sparse file' });
    if (block[504] === 0) this.#beginSparse(unfinished.entry, unfinished.size, numbers);
  }

  #beginSparse(entry: TarEntry, size: number, numbers: readonly number[] | undefined): void {
    this.#unfinished = undefined;
    this.#piece = this.#within = 0;
    this.#mapText = '';
    this.#sink.entry(entry);
    this.#map = sparseMap(numbers ?? [], entry.size);
    this.#body = numbers === undefined ? 'sparse-map' : 'sparse';
    this.#beginBody(size);
  }

  #onMapText(piece: Buffer): void {
    this.#mapText += piece.toString('latin1');
    if (this.#mapText.length % BLOCK !== 0) return;
    const numbers = numbersIn(this.#mapText);
    if (!numbers) return;
    this.#map = sparseMap(numbers, this.#map.realSize);
    this.#body = 'sparse';
  }

  /** Puts bytes of a sparse file where its map says. */
  #scatter(bytes: Buffer): void {
    for (let i = 0; i < bytes.length; ) {
      const piece = this.#map.pieces[this.#piece];
      if (!piece) throw badLayer({ why: 'invalid tar header: a sparse file is longer than its map' });
      const n = Math.min(bytes.length - i, piece.length - this.#within);
      this.#sink.data(bytes.subarray(i, i + n), piece.offset + this.#within);
      i += n;
      this.#within += n;
      if (this.#within < piece.length) continue;
      this.#piece++;
      this.#within = 0;
    }
  }

  #onHeader(block: Buffer): void {
    if (block[0] === 0 && isZero(block)) {
      if (++this.#zeroBlocks === 2) this.#state = 'trailer';
      return;
    }
    this.#zeroBlocks = 0;
    verifyChecksum(block);
    const flag = String.fromCharCode(block[156] ?? 0);
    const size =
      this.#pax.size > 0 && flag !== 'x' && flag !== 'g'
        ? (this.#paxNumber('size') ?? number(block, 124, 12))
        : number(block, 124, 12);
    if (size < 0) throw badLayer({ why: 'invalid tar header: negative size' });
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
      if (size > MAX_EXTENSION) throw badLayer({ why: 'invalid tar header: extension too long' });
      this.#body = flag === 'x' ? 'pax' : flag === 'L' ? 'longname' : flag === 'K' ? 'longlink' : 'skip';
      this.#extension = [];
      this.#beginBody(size);
      return;
    }
    const entry = this.#entry(block, flag, size);
    const listed = this.#paxText('GNU.sparse.map');
    this.#pax = new Map();
    this.#longName = this.#longLink = undefined;
    this.#body = 'skip';
    if (entry?.sparse === true) {
      if (flag !== 'S') this.#beginSparse(entry, size, listed === undefined ? undefined : numbersOf(listed));
      else if (block[482] === 0) this.#beginSparse(entry, size, gnuPairs(block, 386, 4));
      else this.#unfinished = { entry, size, numbers: gnuPairs(block, 386, 4) };
      return;
    }
    if (entry) {
      this.#sink.entry(entry);
      if (entry.type === 'file') this.#body = 'content';
    }
    // Links, directories and devices have no content, whatever size their header tells.
    this.#beginBody(entry && entry.type !== 'file' ? 0 : size);
  }

  #entry(block: Buffer, flag: string, size: number): TarEntry | undefined {
    const sparseSize = flag === 'S' ? number(block, 483, 12) : this.#sparseSize();
    let type = flag === 'S' ? 'file' : TYPES[flag];
    if (type === undefined) return undefined; // vendor extensions: skipped, as every tar does
    let name = this.#paxText('GNU.sparse.name') ?? this.#paxText('path') ?? this.#longName;
    if (name === undefined) {
      name = text(block, 0, 100);
      const prefix = block.toString('latin1', 257, 262) === 'ustar' && block[263] !== 0x20 ? text(block, 345, 155) : '';
      if (prefix !== '') name = `${prefix}/${name}`;
    }
    if (type === 'file' && name.endsWith('/')) type = 'directory'; // tars from before there was a type
    const xattrs: [string, Buffer][] = [];
    for (const [key, value] of this.#pax) {
      if (key.startsWith('SCHILY.xattr.')) xattrs.push([key.slice('SCHILY.xattr.'.length), value]);
    }
    const mtime = this.#paxText('mtime');
    return {
      name,
      type,
      mode: number(block, 100, 8) & 0o7777,
      uid: this.#paxNumber('uid') ?? number(block, 108, 8),
      gid: this.#paxNumber('gid') ?? number(block, 116, 8),
      size: sparseSize ?? (type === 'file' ? size : 0),
      ...(sparseSize !== undefined && { sparse: true }),
      mtimeNanos: mtime === undefined ? BigInt(number(block, 136, 12)) * 1_000_000_000n : nanos(mtime),
      linkname: this.#paxText('linkpath') ?? this.#longLink ?? text(block, 157, 100),
      major: type === 'char' || type === 'block' ? number(block, 329, 8) : 0,
      minor: type === 'char' || type === 'block' ? number(block, 337, 8) : 0,
      xattrs,
    };
  }

  /** Length of a sparse file in the PAX formats; `undefined` if it is none. */
  #sparseSize(): number | undefined {
    return this.#paxNumber('GNU.sparse.realsize') ?? this.#paxNumber('GNU.sparse.size');
  }

  #beginBody(size: number): void {
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (size === 0) this.#endBody();
    else this.#state = 'body';
  }

  #endBody(): void {
    const bytes = Buffer.concat(this.#extension);
    this.#extension = [];
    if (this.#body === 'pax') this.#pax = parsePax(bytes);
    else if (this.#body === 'longname') this.#longName = text(bytes, 0, bytes.length);
    else if (this.#body === 'longlink') this.#longLink = text(bytes, 0, bytes.length);
    if (this.#body === 'content' || this.#body === 'sparse') this.#sink.end();
    if (this.#body === 'sparse' && this.#piece < this.#map.pieces.length) throw badLayer({ why: 'unexpected EOF' });
    if (this.#body === 'sparse-map') throw badLayer({ why: 'invalid tar header: malformed map of a sparse file' });
    this.#state = this.#padding > 0 ? 'padding' : 'header';
  }

  #paxText(key: string): ByteString | undefined {
    const value = this.#pax.get(key);
    return value === undefined || value.length === 0 ? undefined : text(value, 0, value.length);
  }
  #paxNumber(key: string): number | undefined {
    const value = this.#paxText(key);
    if (value === undefined) return undefined;
    if (!/^\d{1,15}$/.test(value)) throw badLayer({ why: `invalid tar header: PAX ${key} is not a number` });
    return Number(value);
  }
}

/** Offsets and lengths as old GNU tars have them, up to the first that is empty. */
function gnuPairs(block: Buffer, start: number, most: number): number[] {
  const numbers: number[] = [];
  for (let at = start; at < start + most * 24 && block[at] !== 0; at += 24) {
    numbers.push(number(block, at, 12), number(block, at + 12, 12));
  }
  return numbers;
}

const SPARSE_PAIR: readonly string[] = ['GNU.sparse.offset', 'GNU.sparse.numbytes'];

/** `LENGTH KEY=VALUE\n`, where values are bytes. */
function parsePax(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  const map: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const blank = bytes.indexOf(0x20, at);
    const length = blank < 0 ? Number.NaN : Number(bytes.toString('latin1', at, blank));
    const equals = blank < 0 ? -1 : bytes.indexOf(0x3d, blank);
    const end = at + length;
    if (!(length > 0) || end > bytes.length || equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) {
      throw badLayer({ why: 'invalid tar header: malformed PAX record' });
    }
    const key = bytes.toString('utf8', blank + 1, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    at = end;
    if (!SPARSE_PAIR.includes(key)) records.set(key, value);
    else if (SPARSE_PAIR[map.length % 2] === key) map.push(value.toString('latin1'));
    else throw badLayer({ why: 'invalid tar header: malformed map of a sparse file' });
  }
  // Format 0.0 repeats two keys where 0.1 has a list.
  if (map.length > 0) records.set('GNU.sparse.map', Buffer.from(map.join()));
  return records;
}

function text(bytes: Buffer, start: number, length: number): ByteString {
  const zero = bytes.indexOf(0, start);
  const end = zero < 0 || zero > start + length ? start + length : zero;
  return bytes.toString('latin1', start, end);
}

/** Octal digits, or with the first bit set a big-endian two's complement number (GNU). */
function number(bytes: Buffer, start: number, length: number): number {
  const first = bytes[start] ?? 0;
  if (first & 0x80) {
    let value = BigInt(first & 0x40 ? first | ~0xff : first & 0x7f);
    for (let i = start + 1; i < start + length; i++) value = (value << 8n) | BigInt(bytes[i] ?? 0);
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER)) {
      throw badLayer({ why: 'invalid tar header: number out of range' });
    }
    return Number(value);
  }
  let value = 0;
  for (let i = start; i < start + length; i++) {
    const c = bytes[i] ?? 0;
    if (c >= 0x30 && c <= 0x37) value = value * 8 + (c - 0x30);
    else if (c === 0) break;
    else if (c !== 0x20) throw badLayer({ why: 'invalid tar header: not an octal number' });
  }
  return value;
}

function nanos(decimal: string): bigint {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (!m) throw badLayer({ why: 'invalid tar header: PAX mtime is not a number' });
  const value = BigInt(m[2] ?? '0') * 1_000_000_000n + BigInt((m[3] ?? '').padEnd(9, '0').slice(0, 9));
  return m[1] === '-' ? -value : value;
}

const ZERO = Buffer.alloc(BLOCK);
function isZero(block: Buffer): boolean {
  return block.equals(ZERO);
}

/** Old tars sum signed characters; both are taken. */
function verifyChecksum(block: Buffer): void {
  const want = number(block, 148, 8);
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const c = i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
    unsigned += c;
    signed += c > 127 ? c - 256 : c;
  }
  if (want !== unsigned && want !== signed) throw badLayer({ why: 'archive/tar: invalid tar header' });
}
