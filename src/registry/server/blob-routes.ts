import { pipeline } from 'node:stream/promises';
import type { Digest } from '../../core/digest.ts';
import { blobUnknown, Refusal, unsupportedHere } from './errors.ts';
import { digestFrom, type Exchange, reply } from './exchange.ts';
import { BlobFetch } from './fetch-blob.ts';

/** `GET`, `HEAD` and `DELETE /v2/NAME/blobs/DIGEST`. */
export async function blobRoute(exchange: Exchange): Promise<void> {
  const { parts, method, repository } = exchange;
  const digest = digestFrom(exchange.rest);
  if (method === 'DELETE') {
    if (parts.upstream) throw unsupportedHere('a pull-through cache cannot be changed');
    if (!parts.catalog.unlinkBlob(repository, digest)) throw blobUnknown();
    reply(exchange, 202);
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') throw unsupportedHere(`${method} is not for blobs`);
  if (parts.upstream && !isHere(exchange, digest)) {
    parts.metrics.add('wharf_registry_proxy_misses_total');
    const { upstream } = parts;
    const known = method === 'HEAD' ? await upstream.blobSize(repository, digest) : undefined;
    if (known !== undefined) {
      reply(exchange, 200, { ...blobHeaders(digest), 'content-length': known });
      return;
    }
    const fetch = BlobFetch.of(parts, upstream, repository, digest);
    await fetch.begun;
    const whole = method === 'GET' && exchange.request.headers.range === undefined;
    const coming = whole && !isHere(exchange, digest) ? await fetch.read() : undefined;
    if (coming) {
      await passOn(exchange, digest, coming);
      return;
    }
    await fetch.done;
  } else if (parts.upstream) parts.metrics.add('wharf_registry_proxy_hits_total');
  const sizeBytes = isHere(exchange, digest) ? parts.files.size(digest) : undefined;
  if (sizeBytes === undefined) throw blobUnknown();
  await sendBlob(exchange, digest, sizeBytes);
}

function isHere({ parts, repository }: Exchange, digest: Digest): boolean {
  return parts.catalog.hasBlob(repository, digest);
}

function blobHeaders(digest: Digest): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000',
  };
}

/** Sends a blob while it comes from upstream. */
async function passOn({ parts, response }: Exchange, digest: Digest, coming: AsyncIterable<Buffer>): Promise<void> {
  response.writeHead(200, blobHeaders(digest));
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of coming) {
      parts.metrics.add('wharf_registry_sent_bytes_total', {}, piece.length);
      yield piece;
    }
  };
  await pipeline(counted(), response);
}

async function sendBlob(exchange: Exchange, digest: Digest, sizeBytes: number): Promise<void> {
  const { parts, request, response, method } = exchange;
  const range = rangeFrom(request.headers.range, sizeBytes);
  const headers = blobHeaders(digest);
  if (request.headers['if-none-match'] === `"${digest}"`) {
    response.writeHead(304, headers).end();
    return;
  }
  const start = range?.start ?? 0;
  const end = range?.end ?? sizeBytes - 1;
  const length = Math.max(0, end - start + 1);
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'content-length': length,
    ...(range && { 'content-range': `bytes ${start}-${end}/${sizeBytes}` }),
  });
  if (method === 'HEAD' || length === 0) {
    response.end();
    return;
  }
  parts.metrics.add('wharf_registry_sent_bytes_total', {}, length);
  await pipeline(parts.files.stream(digest, { start, end }), response);
}

/**
 * One range of RFC 9110 (`bytes=a-b`, `a-`, `-n`); several at once, other units and nonsense mean the whole.
 * @throws {Refusal} 416 if nothing of the blob is in it
 */
export function rangeFrom(
  header: string | undefined,
  sizeBytes: number,
): { readonly start: number; readonly end: number } | undefined {
  const m = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (!m || (m[1] === '' && m[2] === '')) return undefined;
  const start = m[1] === '' ? Math.max(0, sizeBytes - Number(m[2])) : Number(m[1]);
  const end = m[1] === '' || m[2] === '' ? sizeBytes - 1 : Math.min(Number(m[2]), sizeBytes - 1);
  if (start > end || start >= sizeBytes) {
    throw new Refusal(416, 'RANGE_INVALID', 'invalid content range', { 'content-range': `bytes */${sizeBytes}` });
  }
  return { start, end };
}
