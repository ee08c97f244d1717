import { CODE, RpcError } from './status.ts';

/** gRPC's own default for what is received is 4 MiB; BuildKit's is this. */
const MOST_BYTES = 16 * 1024 * 1024;
const HEADER = 5;
/** What one connection may hold in memory: a few of the longest messages. Node's default is less than one. */
export const SESSION_MEGABYTES = 64;

/** A message as it goes over an HTTP/2 stream: a flag byte, its length, itself. */
export function frame(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(HEADER + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  message.copy(out, HEADER);
  return out;
}

/** The messages in a stream's bytes. @throws {RpcError} at one that is compressed, too long, or cut off */
export async function* unframe(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let pieces: Buffer[] = [];
  let have = 0;
  let want = HEADER;
  for await (const chunk of chunks) {
    pieces.push(chunk);
    have += chunk.length;
    while (have >= want) {
      let all = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
      want = HEADER;
      while (all.length >= HEADER) {
        if (all[0] !== 0) throw new RpcError(CODE.unimplemented, 'compressed messages are not supported');
        const length = all.readUInt32BE(1);
        if (length > MOST_BYTES) throw new RpcError(CODE.resourceExhausted, `a message of ${length} bytes is too long`);
        want = HEADER + length;
        if (all.length < want) break;
        yield all.subarray(HEADER, want);
        all = all.subarray(want);
        want = HEADER;
      }
      pieces = [all];
      have = all.length;
    }
  }
  if (have > 0) throw new RpcError(CODE.internal, 'the stream ended in the middle of a message');
}
