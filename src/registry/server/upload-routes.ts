import type { Digest } from '../../core/digest.ts';
import { Refusal, unsupportedHere } from './errors.ts';
import { digestFrom, type Exchange, reply } from './exchange.ts';
import { rangeOf } from './uploads.ts';

/** `POST /v2/NAME/blobs/uploads/`: begins an upload, takes a whole blob at once, or mounts one from another repository. */
export async function beginUploadRoute(exchange: Exchange): Promise<void> {
  const { parts, query, repository, request, method } = exchange;
  if (method !== 'POST') throw unsupportedHere(`${method} is not for uploads`);
  const mount = query.get('mount');
  if (mount !== null) {
    const digest = digestFrom(mount);
    const from = query.get('from');
    const there = from === null || from === '' ? parts.catalog.isLinked(digest) : parts.catalog.hasBlob(from, digest);
    if (there && parts.files.size(digest) !== undefined) {
      parts.catalog.linkBlob(repository, digest);
      created(exchange, digest);
      return;
    }
  }
  const id = await parts.uploads.begin(repository);
  const wanted = query.get('digest');
  if (wanted !== null && hasBody(exchange)) {
    try {
      const digest = digestFrom(wanted);
      await append(exchange, id, undefined);
      await parts.uploads.finish(repository, id, digest);
      created(exchange, digest);
    } catch (e) {
      await parts.uploads.cancel(repository, id).catch(() => undefined); // finish() may have removed it
      throw e;
    }
    return;
  }
  request.resume();
  accepted(exchange, id, 0);
}

/** `PATCH`, `PUT`, `GET` and `DELETE` of an upload that has begun. */
export async function uploadRoute(exchange: Exchange): Promise<void> {
  const { parts, method, repository, rest: id, request, query } = exchange;
  switch (method) {
    case 'GET':
    case 'HEAD': {
      const size = await parts.uploads.sizeOf(repository, id);
      reply(exchange, 204, place(exchange, id, size));
      return;
    }
    case 'PATCH': {
      const size = await append(exchange, id, chunkStart(request.headers['content-range'], request.headers));
      accepted(exchange, id, size);
      return;
    }
    case 'PUT': {
      const wanted = query.get('digest');
      if (wanted === null) throw new Refusal(400, 'DIGEST_INVALID', 'digest missing');
      const digest = digestFrom(wanted);
      if (hasBody(exchange)) await append(exchange, id, chunkStart(request.headers['content-range'], request.headers));
      await parts.uploads.finish(repository, id, digest);
      created(exchange, digest);
      return;
    }
    case 'DELETE':
      await parts.uploads.cancel(repository, id);
      reply(exchange, 204);
      return;
    default:
      throw unsupportedHere(`${method} is not for uploads`);
  }
}

async function append({ parts, request, repository }: Exchange, id: string, from: number | undefined): Promise<number> {
  const before = await parts.uploads.sizeOf(repository, id);
  const size = await parts.uploads.append(repository, id, request as AsyncIterable<Buffer>, from);
  parts.metrics.add('wharf_registry_received_bytes_total', {}, size - before);
  return size;
}

/** Where a chunk says it begins: `Content-Range: a-b`, without unit (distribution-spec). @throws {Refusal} `SIZE_INVALID` */
export function chunkStart(
  header: string | undefined,
  { 'content-length': length }: { readonly 'content-length'?: string | undefined },
): number | undefined {
  if (header === undefined) return undefined;
  const m = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(header);
  const start = Number(m?.[1]);
  const end = Number(m?.[2]);
  if (!m || end < start - 1 || (length !== undefined && Number(length) !== end - start + 1)) {
    throw new Refusal(400, 'SIZE_INVALID', `Content-Range "${header}" does not fit the body`);
  }
  return start;
}

function hasBody({ request }: Exchange): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

function place({ repository }: Exchange, id: string, sizeBytes: number): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: rangeOf(sizeBytes),
    'docker-upload-uuid': id,
  };
}
function accepted(exchange: Exchange, id: string, sizeBytes: number): void {
  reply(exchange, 202, place(exchange, id, sizeBytes));
}
function created(exchange: Exchange, digest: Digest): void {
  reply(exchange, 201, {
    location: `/v2/${exchange.repository}/blobs/${digest}`,
    'docker-content-digest': digest,
  });
}
