import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { badLayer } from '../errors.ts';
import { byteString, type ByteString, diskPath } from '../tar/entry.ts';

/**
 * How to make a layer's tar again, byte for byte, from its unpacked files: all bytes that are no file content (headers, padding),
 * and between them which file's content to put. It is small, as headers compress well; keeping the tar would double the disk.
 *
 * File: blocks of `u32 length, zstd`, each a run of operations (`0, u32 length, bytes` or `1, u32 file number, f64 size`); then
 * the names of the files, joined by NUL, as one more block; last `u32` length of that block.
 */
const BLOCK = 1024 * 1024;
const RAW_HEAD = 5;
/** Length of a scratch buffer, and of pieces of files without one. */
export const CHUNK = 256 * 1024;

export class RecipeWriter {
  readonly #fd: number;
  readonly #names: ByteString[] = [];
  readonly #number = new Map<ByteString, number>();
  #operations: Buffer[] = [];
  #length = 0;
  /** Bytes of a run that has not ended, one after the other; its operation's head is before them. */
  readonly #raw = Buffer.allocUnsafeSlow(RAW_HEAD + BLOCK);
  #rawLength = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  raw(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const n = bytes.copy(this.#raw, RAW_HEAD + this.#rawLength, at);
      at += n;
      this.#rawLength += n;
      if (this.#rawLength === BLOCK) this.#endRaw();
    }
  }

  file(name: ByteString, size: number): void {
    this.#number.set(name, this.#names.length);
    this.#names.push(name);
    if (size === 0) return;
    this.#endRaw();
    const operation = Buffer.alloc(13);
    operation[0] = 1;
    operation.writeUInt32LE(this.#names.length - 1, 1);
    operation.writeDoubleLE(size, 5);
    this.#push(operation);
  }

  /** A file or directory was moved; names are relative to the layer's `fs`. */
  moved(name: ByteString, to: ByteString): void {
    for (const [known, n] of this.#number) {
      if (known !== name && !known.startsWith(`${name}/`)) continue;
      this.#names[n] = to + known.slice(name.length);
      this.#number.delete(known);
    }
  }

  finish(): void {
    this.#endRaw();
    this.#flush();
    const names = zstdCompressSync(Buffer.from(this.#names.join('\0'), 'latin1'));
    writeAll(this.#fd, names);
    writeAll(this.#fd, u32(names.length));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #endRaw(): void {
    if (this.#rawLength === 0) return;
    this.#raw[0] = 0;
    this.#raw.writeUInt32LE(this.#rawLength, 1);
    this.#push(Buffer.from(this.#raw.subarray(0, RAW_HEAD + this.#rawLength)));
    this.#rawLength = 0;
  }
  #push(operation: Buffer): void {
    this.#operations.push(operation);
    this.#length += operation.length;
    if (this.#length >= BLOCK) this.#flush();
  }
  #flush(): void {
    if (this.#length === 0) return;
    const block = zstdCompressSync(Buffer.concat(this.#operations));
    writeAll(this.#fd, u32(block.length));
    writeAll(this.#fd, block);
    this.#operations = [];
    this.#length = 0;
  }
}

/**
 * Makes the tar that a recipe was written for. `root` is the layer's `fs`.
 * @param scratch where files are read into, again and again: every piece is gone with the next one
 * @throws {WharfError} `BAD_LAYER` if a file is not as it was
 */
export function* replayRecipe(path: string, root: string, scratch?: Buffer): Generator<Buffer, void, undefined> {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const namesLength = readAt(fd, size - 4, 4).readUInt32LE();
    const end = size - 4 - namesLength;
    const names = zstdDecompressSync(readAt(fd, end, namesLength))
      .toString('latin1')
      .split('\0');
    for (let at = 0; at < end; ) {
      const length = readAt(fd, at, 4).readUInt32LE();
      const block = zstdDecompressSync(readAt(fd, at + 4, length));
      at += 4 + length;
      for (let i = 0; i < block.length; ) {
        const operation = block[i];
        const n = block.readUInt32LE(i + 1);
        if (operation === 0) {
          yield block.subarray(i + 5, i + 5 + n);
          i += 5 + n;
        } else {
          yield* contentOf(`${byteString(root)}/${names[n] ?? ''}`, block.readDoubleLE(i + 5), scratch);
          i += 13;
        }
      }
    }
  } finally {
    closeSync(fd);
  }
}

function* contentOf(path: ByteString, size: number, scratch: Buffer | undefined): Generator<Buffer, void, undefined> {
  const fd = openSync(diskPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let left = size; left > 0; ) {
      const length = Math.min(left, CHUNK);
      const chunk = scratch?.subarray(0, length) ?? Buffer.allocUnsafe(length);
      const n = readSync(fd, chunk, 0, chunk.length, null);
      if (n === 0) throw badLayer({ why: `a file of the layer has changed: ${path}` });
      yield chunk.subarray(0, n);
      left -= n;
    }
  } finally {
    closeSync(fd);
  }
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (length > 0 && readSync(fd, bytes, 0, length, position) !== length)
    throw badLayer({ why: 'layer recipe is cut short' });
  return bytes;
}
function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
function u32(value: number): Buffer {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(value);
  return b;
}
