import { MEDIA_TYPES } from '../../core/oci.ts';
import { nameUnknown, unsupportedHere } from './errors.ts';
import { digestFrom, type Exchange, pageOf, replyJson } from './exchange.ts';

const MOST_TAGS = 10_000;
const MOST_REPOSITORIES = 1_000;
const MOST_REFERRERS = 1_000;

/** `GET /v2/NAME/tags/list`. */
export async function tagsRoute(exchange: Exchange): Promise<void> {
  readOnly(exchange);
  const { parts, repository, query } = exchange;
  const { limit, last } = pageOf(query, MOST_TAGS);
  const all = parts.upstream
    ? (await parts.upstream.tags(repository)).sort(byBytes).filter((tag) => byBytes(tag, last) > 0)
    : parts.catalog.tags(repository, last, limit + 1);
  if (all.length === 0 && !parts.upstream && !parts.catalog.hasRepository(repository)) throw nameUnknown();
  const tags = all.slice(0, limit);
  const more = limit > 0 && all.length > limit;
  replyJson(exchange, { name: repository, tags }, more ? next(exchange, limit, tags.at(-1) ?? '') : {});
}

/** `GET /v2/_catalog`, Docker's extension: all repositories. */
export function catalogRoute(exchange: Exchange): void {
  readOnly(exchange);
  const { limit, last } = pageOf(exchange.query, MOST_REPOSITORIES);
  const all = exchange.parts.catalog.repositories(last, limit + 1);
  const repositories = all.slice(0, limit);
  const more = limit > 0 && all.length > limit;
  replyJson(exchange, { repositories }, more ? next(exchange, limit, repositories.at(-1) ?? '') : {});
}

/** `GET /v2/NAME/referrers/DIGEST[?artifactType=T]`: an index of what names that digest as its subject; empty if nothing does. */
export function referrersRoute(exchange: Exchange): void {
  readOnly(exchange);
  const { parts, repository, query, rest } = exchange;
  const artifactType = query.get('artifactType') ?? undefined;
  const limit = MOST_REFERRERS;
  const last = query.get('last') ?? '';
  const all = parts.catalog.referrers(repository, digestFrom(rest), { artifactType, last, limit: limit + 1 });
  const page = all.slice(0, limit);
  const manifests = page.map(({ digest, mediaType, sizeBytes, artifactType: type, annotations }) => ({
    mediaType,
    digest,
    size: sizeBytes,
    ...(type !== '' && { artifactType: type }),
    ...(annotations && { annotations }),
  }));
  replyJson(
    exchange,
    { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests },
    {
      'content-type': MEDIA_TYPES.ociIndex,
      ...(artifactType !== undefined && { 'oci-filters-applied': 'artifactType' }),
      ...(all.length > limit && next(exchange, undefined, page.at(-1)?.digest ?? '')),
    },
  );
}

function readOnly({ method }: Exchange): void {
  if (method !== 'GET' && method !== 'HEAD') throw unsupportedHere(`${method} is not for lists`);
}

/** The link to the page after `last`. */
function next({ request, query }: Exchange, limit: number | undefined, last: string): Record<string, string> {
  const path = (request.url ?? '').replace(/\?.*/, '');
  const parameters = new URLSearchParams(query);
  if (limit !== undefined) parameters.set('n', String(limit));
  parameters.set('last', last);
  return { link: `<${path}?${parameters.toString()}>; rel="next"` };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
