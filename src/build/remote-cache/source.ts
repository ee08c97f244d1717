import type { ChainId, DiffId } from '../../core/digest.ts';
import { hostPlatform } from '../../core/platform.ts';
import type { Image } from '../../engine/index.ts';
import { type CachedLayer, readCache } from './format.ts';
import type { CachePlace } from './place.ts';

/** A cache that a build may take layers from. */
export interface CacheSource {
  /** As the person who builds knows it. */
  readonly name: string;
  /** By key of a step: its layer; `null`: it changed no file. */
  readonly known: ReadonlyMap<string, CachedLayer | null>;
  /** Where layers that are not here come from. */
  readonly place: CachePlace | undefined;
  /** Something in it turned out to be damaged or gone: it is not used any more. */
  bad: boolean;
}

/** A cache elsewhere. @throws {Error} if it cannot be read, or is none */
export async function sourceAt(name: string, place: CachePlace): Promise<CacheSource> {
  return { name, place, known: await readCache(place, hostPlatform()), bad: false };
}

/** An image that is here, with an inline cache; `undefined`: it has none. */
export function sourceOfImage(name: string, { config }: Image): CacheSource | undefined {
  const keys = config['wharf.build.cache.v1'];
  if (keys === undefined) return undefined;
  const known = new Map<string, CachedLayer>();
  for (const [i, ofLayer] of keys.entries()) {
    const diffId = config.rootfs.diff_ids[i] as DiffId | undefined;
    if (diffId === undefined) break;
    // It is here, so that nobody asks for its bytes.
    const descriptor = { mediaType: '', digest: diffId, size: -1 };
    for (const key of ofLayer) known.set(key, { diffId, descriptor });
  }
  return { name, place: undefined, known, bad: false };
}

/** A layer that a cache has, at its place in a stack. */
export interface FoundLayer {
  readonly source: CacheSource;
  readonly layer: CachedLayer;
  readonly parent: ChainId | null;
}
