import { once } from 'node:events';
import type { Exchange } from '../http/exchange.ts';

/**
 * Answers 200 with JSON objects, one a line, as they come. Headers go out at once. A slow client slows the source down;
 * one that goes ends it.
 */
export async function sendJsonLines(
  { response, signal }: Exchange,
  objects: AsyncIterable<unknown>,
): Promise<undefined> {
  response.statusCode = 200;
  response.setHeader('Content-Type', 'application/json');
  response.flushHeaders();
  for await (const object of objects) {
    if (signal.aborted) break;
    if (!response.write(`${JSON.stringify(object)}\n`))
      await once(response, 'drain', { signal }).catch(() => undefined);
  }
  response.end();
  return undefined;
}
