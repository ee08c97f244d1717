import type { Digest } from '../../core/digest.ts';
import { messageOf } from '../../core/errors.ts';
import { Refusal } from './errors.ts';
import type { Parts } from './exchange.ts';
import type { Upstream } from './upstream.ts';

/** Blobs that are on their way from upstream, so that each comes once however many ask for it. */
const underway = new WeakMap<Parts, Map<string, Promise<void>>>();

export const BlobFetch = {
  /** Success means "the blob is in the repository". @throws {Refusal} as the upstream answers */
  into(parts: Parts, upstream: Upstream, repository: string, digest: Digest): Promise<void> {
    const all = underway.get(parts) ?? new Map<string, Promise<void>>();
    underway.set(parts, all);
    const key = `${repository}@${digest}`;
    const known = all.get(key);
    if (known) return known;
    const made = fetchBlob(parts, upstream, repository, digest).finally(() => all.delete(key));
    all.set(key, made);
    return made;
  },
};

async function fetchBlob(
  { catalog, files, uploads }: Parts,
  upstream: Upstream,
  repository: string,
  digest: Digest,
): Promise<void> {
  const source = await upstream.blob(repository, digest); // asked even if another repository has it: it may be forbidden here
  if (files.size(digest) !== undefined) {
    catalog.linkBlob(repository, digest);
    return;
  }
  const id = await uploads.begin(repository);
  try {
    await uploads.append(repository, id, source, undefined);
  } catch (e) {
    await uploads.cancel(repository, id).catch(() => undefined);
    throw new Refusal(502, 'UNAVAILABLE', `upstream: ${messageOf(e)}`);
  }
  await uploads.finish(repository, id, digest);
}
