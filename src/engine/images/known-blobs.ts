import type { DiffId, Digest } from '../../core/digest.ts';
import type { Reference } from '../../core/reference.ts';
import type { Storage } from '../../storage/index.ts';

/** A layer's gzip form as registries have it. */
interface KnownBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** `registry/repository` where it has been seen, latest first. */
  readonly seen: readonly string[];
}

const MOST_PLACES = 16;
const MOST_FORMS = 4;

/**
 * Which blobs a layer was pulled from or pushed as, and where: what a registry has need not be compressed and sent again.
 * Outlives the images, as Docker's does.
 */
export class KnownBlobs {
  readonly #all;

  constructor(storage: Storage) {
    this.#all = storage.db.collection<{ readonly blobs?: readonly KnownBlob[] }>('compressed-layers');
  }

  /** Those of this registry's repository first, then those of the same registry, then the rest. */
  of(diffId: DiffId, reference: Reference): KnownBlob[] {
    const place = placeOf(reference);
    const rank = ({ seen }: KnownBlob): number =>
      seen.includes(place) ? 0 : seen.some((s) => s.startsWith(`${reference.registry}/`)) ? 1 : 2;
    return [...(this.#all.get(diffId)?.blobs ?? [])].sort((a, b) => rank(a) - rank(b));
  }

  /** Other repositories of the same registry that had the blob. */
  elsewhere({ seen }: KnownBlob, reference: Reference): string[] {
    const prefix = `${reference.registry}/`;
    return seen.filter((s) => s.startsWith(prefix) && s !== placeOf(reference)).map((s) => s.slice(prefix.length));
  }

  record(diffId: DiffId, blob: { readonly digest: Digest; readonly sizeBytes: number }, reference: Reference): void {
    const blobs = this.#all.get(diffId)?.blobs ?? [];
    const before = blobs.find(({ digest }) => digest === blob.digest);
    const place = placeOf(reference);
    const seen = [place, ...(before?.seen ?? []).filter((s) => s !== place)].slice(0, MOST_PLACES);
    const others = blobs.filter(({ digest }) => digest !== blob.digest);
    this.#all.put(diffId, { blobs: [{ ...blob, seen }, ...others].slice(0, MOST_FORMS) });
  }
}

function placeOf({ registry, repository }: Reference): string {
  return `${registry}/${repository}`;
}
