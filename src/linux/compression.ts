import koffi from 'koffi';

// Node carries zlib and zstd and shows their functions to native add-ons. Called directly they work on buffers that are used
// again and again; node:zlib makes a new one for each piece, which costs a third of the time and holds much memory.
const own = koffi.load(null);

const addressOf = own.func('uintptr_t memmove(void *to, const void *from, size_t length)');

/** How far one call got. */
export interface Decoded {
  /** Bytes taken from the input. */
  readonly consumed: number;
  /** Bytes put into the output. */
  readonly produced: number;
  /** The compressed data is at its end; what follows may be another member. */
  readonly ended: boolean;
}

/** Undoes a compression, synchronously, from one buffer into another. */
export interface Decoder extends Disposable {
  /** @throws {DecodeError} */
  decode(input: Uint8Array, output: Uint8Array): Decoded;
  /** Begins with another member. */
  reset(): void;
}

/** The compressed data is damaged. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

const STREAM_BYTES = 112;
/** Members of `z_stream` on 64-bit machines. */
const AT = { nextIn: 0, availIn: 8, nextOut: 24, availOut: 32, message: 48 } as const;
const GZIP_WINDOW = 15 + 16;
const Z_STREAM_END = 1;
const Z_BUF_ERROR = -5;

/** A decoder of gzip. @see zlib.h */
export function gzipDecoder(): Decoder {
  const functions = (gzip ??= {
    init: own.func('int inflateInit2_(void *stream, int windowBits, const char *version, int size)'),
    inflate: own.func('int inflate(void *stream, int flush)'),
    reset: own.func('int inflateReset(void *stream)'),
    end: own.func('int inflateEnd(void *stream)'),
    version: own.func('const char *zlibVersion()'),
  });
  // zlib remembers the address: it must be the same at every call, as that of a buffer outside of V8's heap is.
  const stream = Buffer.alloc(STREAM_BYTES);
  const version = functions.version() as string;
  if (functions.init(stream, GZIP_WINDOW, version, STREAM_BYTES) !== 0) throw new Error('inflateInit2 failed');
  let open = true;
  return {
    decode(input, output) {
      setStream(stream, input, output);
      const result = Number(functions.inflate(stream, 0));
      if (result < 0 && result !== Z_BUF_ERROR) throw new DecodeError(zlibMessage(stream) ?? `zlib error ${result}`);
      return progressOf(stream, input, output, result);
    },
    reset: () => void functions.reset(stream),
    [Symbol.dispose]() {
      if (open) functions.end(stream);
      open = false;
    },
  };
}
let gzip: Record<'init' | 'inflate' | 'reset' | 'end' | 'version', ReturnType<typeof own.func>> | undefined;

/** A decoder of zstd, with windows of up to 128 MiB as zstd's own programs take them. @see zstd.h */
export function zstdDecoder(): Decoder {
  const functions = (zstd ??= {
    create: own.func('void *ZSTD_createDStream()'),
    decompress: own.func('size_t ZSTD_decompressStream(void *stream, void *output, void *input)'),
    isError: own.func('unsigned int ZSTD_isError(size_t code)'),
    errorName: own.func('const char *ZSTD_getErrorName(size_t code)'),
    free: own.func('size_t ZSTD_freeDStream(void *stream)'),
  });
  const stream: unknown = functions.create();
  const input = Buffer.alloc(24);
  const output = Buffer.alloc(24);
  const describe = (buffer: Buffer, bytes: Uint8Array): void => {
    buffer.writeBigUInt64LE(pointer(bytes), 0);
    buffer.writeBigUInt64LE(BigInt(bytes.length), 8);
    buffer.writeBigUInt64LE(0n, 16);
  };
  let open = true;
  return {
    decode(from, to) {
      describe(input, from);
      describe(output, to);
      const result = Number(functions.decompress(stream, output, input));
      if (Number(functions.isError(result)) !== 0) throw new DecodeError(String(functions.errorName(result)));
      return {
        consumed: Number(input.readBigUInt64LE(16)),
        produced: Number(output.readBigUInt64LE(16)),
        ended: result === 0,
      };
    },
    reset: () => undefined, // after a frame it takes the next one by itself
    [Symbol.dispose]() {
      if (open) functions.free(stream);
      open = false;
    },
  };
}
let zstd: Record<'create' | 'decompress' | 'isError' | 'errorName' | 'free', ReturnType<typeof own.func>> | undefined;

/** Compresses, synchronously, from one buffer into another. */
export interface Encoder extends Disposable {
  /** @param last nothing follows the input: to be called until it has `ended` */
  encode(input: Uint8Array, output: Uint8Array, last: boolean): Decoded;
}

const Z_DEFLATED = 8;
const MEMORY_LEVEL = 8;
const Z_FINISH = 4;

/** An encoder of gzip: no name, no time, so that the same bytes give the same bytes. @param level 1 (fast) to 9 (small) */
export function gzipEncoder(level: number): Encoder {
  const functions = (deflater ??= {
    init: own.func(
      'int deflateInit2_(void *stream, int level, int method, int windowBits, int memory, int strategy, const char *version, int size)',
    ),
    deflate: own.func('int deflate(void *stream, int flush)'),
    end: own.func('int deflateEnd(void *stream)'),
    version: own.func('const char *zlibVersion()'),
  });
  const stream = Buffer.alloc(STREAM_BYTES);
  const version = functions.version() as string;
  const made = Number(functions.init(stream, level, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, 0, version, STREAM_BYTES));
  if (made !== 0) throw new Error('deflateInit2 failed');
  let open = true;
  return {
    encode(input, output, last) {
      setStream(stream, input, output);
      const result = Number(functions.deflate(stream, last ? Z_FINISH : 0));
      if (result < 0 && result !== Z_BUF_ERROR) throw new Error(`deflate: ${zlibMessage(stream) ?? result}`);
      return progressOf(stream, input, output, result);
    },
    [Symbol.dispose]() {
      if (open) functions.end(stream);
      open = false;
    },
  };
}
let deflater: Record<'init' | 'deflate' | 'end' | 'version', ReturnType<typeof own.func>> | undefined;

function setStream(stream: Buffer, input: Uint8Array, output: Uint8Array): void {
  stream.writeBigUInt64LE(pointer(input), AT.nextIn);
  stream.writeUInt32LE(input.length, AT.availIn);
  stream.writeBigUInt64LE(pointer(output), AT.nextOut);
  stream.writeUInt32LE(output.length, AT.availOut);
}

function progressOf(stream: Buffer, input: Uint8Array, output: Uint8Array, result: number): Decoded {
  return {
    consumed: input.length - stream.readUInt32LE(AT.availIn),
    produced: output.length - stream.readUInt32LE(AT.availOut),
    ended: result === Z_STREAM_END,
  };
}

/** Where the bytes lie; valid as long as they are referred to, and only for what is not on V8's heap (more than 64 bytes). */
function pointer(bytes: Uint8Array): bigint {
  return BigInt(addressOf(bytes, bytes, 0) as number | bigint);
}

function zlibMessage(stream: Buffer): string | undefined {
  const address = stream.readBigUInt64LE(AT.message);
  return address === 0n ? undefined : String(koffi.decode(address, 'char', -1));
}
