import { type Digest, isDigest, sha256 } from '../../core/digest.ts';
import { digestLike } from './blob-files.ts';
import { manifestUnknown, Refusal, unsupportedHere } from './errors.ts';
import { digestFrom, type Exchange, reply, wholeBody } from './exchange.ts';
import { readManifest } from './manifest-document.ts';

/** The specification asks for at least 4 MB. */
const MAX_MANIFEST = 8 * 1024 * 1024;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** `GET`, `HEAD`, `PUT` and `DELETE /v2/NAME/manifests/REFERENCE`. */
export async function manifestRoute(exchange: Exchange): Promise<void> {
  const { parts, method, rest: reference } = exchange;
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (parts.upstream) await refresh(exchange);
      sendManifest(exchange);
      return;
    case 'PUT':
      await putManifest(exchange);
      return;
    case 'DELETE':
      if (parts.upstream) throw unsupportedHere('a pull-through cache cannot be changed');
      deleteManifest(exchange, reference);
      return;
    default:
      throw unsupportedHere(`${method} is not for manifests`);
  }
}

function sendManifest(exchange: Exchange): void {
  const { parts, repository, request, response } = exchange;
  const digest = resolve(exchange);
  const row = digest === undefined ? undefined : parts.catalog.manifest(repository, digest);
  if (!row) throw manifestUnknown();
  const headers = { 'docker-content-digest': row.digest, etag: `"${row.digest}"`, 'content-type': row.mediaType };
  if (request.headers['if-none-match'] === headers.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  parts.metrics.add('wharf_registry_sent_bytes_total', {}, exchange.method === 'HEAD' ? 0 : row.sizeBytes);
  reply(exchange, 200, headers, parts.files.read(row.digest));
}

async function putManifest(exchange: Exchange): Promise<void> {
  const { parts, request, repository, rest: reference, query } = exchange;
  const byDigest = reference.includes(':');
  if (byDigest) digestFrom(reference);
  const tags = byDigest ? query.getAll('tag') : [reference];
  for (const tag of tags) if (!TAG.test(tag)) throw new Refusal(400, 'TAG_INVALID', `invalid tag "${tag}"`);
  const bytes = await wholeBody(request, MAX_MANIFEST);
  const digest = isDigest(reference) ? digestLike(reference, bytes) : sha256(bytes);
  if (byDigest && digest !== reference) {
    throw new Refusal(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  const contentType = (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  const facts = readManifest(bytes, contentType);
  for (const blob of facts.blobs) {
    if (!parts.catalog.hasBlob(repository, blob) || parts.files.size(blob) === undefined) missing(blob);
  }
  for (const child of facts.manifests) if (!parts.catalog.manifest(repository, child)) missing(child);
  storeManifest(parts, repository, { digest, bytes, mediaType: contentType }, tags);
  reply(exchange, 201, {
    location: `/v2/${repository}/manifests/${byDigest ? digest : reference}`,
    'docker-content-digest': digest,
    ...(facts.subject !== undefined && { 'oci-subject': facts.subject }),
    ...(byDigest && tags.length > 0 && { 'oci-tag': tags.join(', ') }),
  });
}

function missing(digest: Digest): never {
  throw new Refusal(404, 'MANIFEST_BLOB_UNKNOWN', `blob unknown to registry: ${digest}`);
}

function storeManifest(
  { files, catalog, metrics }: Exchange['parts'],
  repository: string,
  manifest: { readonly digest: Digest; readonly bytes: Buffer; readonly mediaType: string },
  tags: readonly string[],
): void {
  const { digest, bytes } = manifest;
  const { blobs, manifests, ...facts } = readManifest(bytes, manifest.mediaType);
  files.write(digest, bytes);
  metrics.add('wharf_registry_received_bytes_total', {}, bytes.length);
  const references = [...blobs, ...manifests];
  catalog.putManifest(repository, { ...facts, digest, sizeBytes: bytes.length, references }, tags);
}

function deleteManifest(exchange: Exchange, reference: string): void {
  const { parts, repository } = exchange;
  const done = reference.includes(':')
    ? parts.catalog.deleteManifest(repository, digestFrom(reference))
    : parts.catalog.deleteTag(repository, reference);
  if (!done) throw manifestUnknown();
  reply(exchange, 202);
}

function resolve({ parts, repository, rest: reference }: Exchange): Digest | undefined {
  return reference.includes(':') ? digestFrom(reference) : parts.catalog.tag(repository, reference);
}

/** Asks upstream what a tag means now. If it does not answer, what is here has to do. */
async function refresh(exchange: Exchange): Promise<void> {
  const { parts, repository, rest: reference } = exchange;
  const here = resolve(exchange);
  const known = here !== undefined && parts.catalog.manifest(repository, here) !== undefined;
  if (!parts.upstream || (known && reference.includes(':'))) {
    parts.metrics.add('wharf_registry_proxy_hits_total');
    return;
  }
  try {
    const served = await parts.upstream.manifest(repository, reference);
    parts.metrics.add('wharf_registry_proxy_misses_total');
    storeManifest(parts, repository, served, reference.includes(':') ? [] : [reference]);
  } catch (e) {
    if (!known || !(e instanceof Refusal) || e.status !== 502) throw e;
    parts.log.warn('upstream does not answer, serving what is here', { repository, reference, error: e.message });
  }
}
