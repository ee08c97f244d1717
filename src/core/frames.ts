/**
 * Multiplexed stdio of the Engine API: an 8-byte header (stream, three zeros, payload length big-endian) and the payload.
 * Source: Engine API, "Attach to a container", stream format.
 */
export const STREAM = { stdin: 0, stdout: 1, stderr: 2, daemonError: 3 } as const;
export type StreamNumber = (typeof STREAM)[keyof typeof STREAM];
const FRAME_HEADER_BYTES = 8;

/** The 8-byte header before `length` bytes of `stream`. */
export function frameHeader(stream: StreamNumber, length: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header[0] = stream;
  header.writeUInt32BE(length, 4);
  return header;
}

export interface Frame {
  readonly stream: StreamNumber;
  readonly payload: Buffer;
}

/** Cuts a byte stream, however it is chunked, into frames. Payloads may come in pieces: a frame is not gathered in memory. */
export class FrameParser {
  #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #have = 0;
  #left = 0;
  #stream: StreamNumber = STREAM.stdout;

  /** The (pieces of) payload in this chunk. @throws {Error} on a stream number above 3: these are no frames */
  *push(chunk: Buffer): Generator<Frame> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const take = Math.min(FRAME_HEADER_BYTES - this.#have, chunk.length - at);
        chunk.copy(this.#header, this.#have, at, at + take);
        this.#have += take;
        at += take;
        if (this.#have < FRAME_HEADER_BYTES) return;
        const stream = this.#header[0] ?? 0;
        if (stream > 3) throw new Error(`unrecognized stream: ${stream}`);
        this.#stream = stream as StreamNumber;
        this.#left = this.#header.readUInt32BE(4);
        this.#have = 0;
        continue;
      }
      const take = Math.min(this.#left, chunk.length - at);
      yield { stream: this.#stream, payload: chunk.subarray(at, at + take) };
      this.#left -= take;
      at += take;
    }
  }
}
