import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Exchange } from '../http/exchange.ts';
import { logUnexpected } from '../http/respond.ts';

/** Answers 200 with a stream. Headers go out at once; a failure half way can only cut the connection. */
export async function sendStream(
  { response, signal, log }: Exchange,
  stream: Readable,
  headers: Readonly<Record<string, string>>,
): Promise<undefined> {
  response.statusCode = 200;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.flushHeaders();
  try {
    await pipeline(stream, response, { signal });
  } catch (e) {
    response.destroy();
    if (!signal.aborted && !gone(e)) logUnexpected(e, log);
  }
  return undefined;
}

/** Whether this error says that the other side has left. */
function gone(e: unknown): boolean {
  return (
    e instanceof Error && 'code' in e && ['ERR_STREAM_PREMATURE_CLOSE', 'EPIPE', 'ECONNRESET'].includes(String(e.code))
  );
}
