import type { Digest } from '../../core/digest.ts';
import { type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import type { Database, Layer } from '../../storage/index.ts';

/** A manifest as it came, or as it was pushed: its digest is of exactly these bytes. */
export interface KnownManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly text: string;
}

const MOST = 4;

/**
 * Manifests that images came with: what is pushed or saved again has the digest that it had, as long as its blobs are here.
 * By image; the latest first.
 */
export class Manifests {
  readonly #all;

  constructor(db: Database) {
    this.#all = db.collection<{ readonly manifests: readonly KnownManifest[] }>('image-manifests');
  }

  of(image: Digest): readonly KnownManifest[] {
    return this.#all.get(image)?.manifests ?? [];
  }

  record(image: Digest, manifest: KnownManifest): void {
    const others = this.of(image).filter(({ digest }) => digest !== manifest.digest);
    this.#all.put(image, { manifests: [manifest, ...others].slice(0, MOST) });
  }

  forget(image: Digest): void {
    this.#all.delete(image);
  }

  /**
   * One whose layers can all be given out to the byte: kept as they came, or not compressed at all.
   * @param stack the image's layers, bottom first
   */
  whole(image: Digest, stack: readonly Layer[]): (KnownManifest & { readonly manifest: Manifest }) | undefined {
    for (const known of this.of(image)) {
      const manifest = JSON.parse(known.text) as Manifest;
      const here =
        manifest.layers.length === stack.length &&
        manifest.layers.every(({ digest }, i) => digest === stack[i]?.blob?.digest || digest === stack[i]?.diffId);
      if (here) return { ...known, manifest };
    }
    return undefined;
  }
}

/** The type of a manifest that came without one: its config tells whose it is. */
export function manifestType({ mediaType, config }: Manifest): string {
  if (mediaType !== undefined && mediaType !== '') return mediaType;
  return config.mediaType === MEDIA_TYPES.dockerConfig ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
}
