import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Digest, isDigest } from '../../core/digest.ts';
import type { Logger } from '../../core/log.ts';
import type { BlobFiles } from './blob-files.ts';
import type { Catalog } from './catalog.ts';
import { Refusal } from './errors.ts';
import type { Metrics } from './metrics.ts';
import type { Uploads } from './uploads.ts';
import type { Upstream } from './upstream.ts';

/** What all routes work with. */
export interface Parts {
  readonly files: BlobFiles;
  readonly catalog: Catalog;
  readonly uploads: Uploads;
  readonly metrics: Metrics;
  readonly upstream: Upstream | undefined;
  readonly readOnly: boolean;
  readonly log: Logger;
}

/** One request about one repository. */
export interface Exchange {
  readonly parts: Parts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly repository: string;
  /** What follows the kind of thing in the path: a digest, a tag, an upload. */
  readonly rest: string;
}

export function reply(
  { response, method }: Pick<Exchange, 'response' | 'method'>,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
  body: Buffer | string = '',
): void {
  const bytes = Buffer.from(body);
  const length = status === 204 ? {} : { 'content-length': bytes.length };
  response.writeHead(status, { ...length, ...headers });
  response.end(method === 'HEAD' ? undefined : bytes);
}

export function replyJson(
  exchange: Pick<Exchange, 'response' | 'method'>,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  reply(exchange, 200, { 'content-type': 'application/json', ...headers }, JSON.stringify(document));
}

/** @throws {Refusal} `DIGEST_INVALID` */
export function digestFrom(text: string): Digest {
  if (!isDigest(text)) throw new Refusal(400, 'DIGEST_INVALID', `malformed digest "${text}"`);
  return text;
}

/** A small body as a whole. @throws {Refusal} 413 */
export async function wholeBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  // Were the request destroyed, the refusal would have no way back.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > limit) throw new Refusal(413, 'SIZE_INVALID', `the document is longer than ${limit} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** `n` and `last` of a list. @throws {Refusal} `PAGINATION_NUMBER_INVALID` */
export function pageOf(query: URLSearchParams, most: number): { readonly limit: number; readonly last: string } {
  const n = query.get('n');
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new Refusal(400, 'PAGINATION_NUMBER_INVALID', `invalid number of results requested: "${n}"`);
  }
  return { limit: n === null ? most : Math.min(most, Number(n)), last: query.get('last') ?? '' };
}
