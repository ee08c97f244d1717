import type { DiffId, Digest } from '../../core/digest.ts';
import { isDigest } from '../../core/digest.ts';
import { type Descriptor, type ImageConfig, type ImageIndex, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import type { Platform } from '../../core/platform.ts';
import { type CachePlace, type Document, wholeBlob } from './place.ts';

/** The part of a cache that says which step made which layer. @see moby/buildkit cache/remotecache/v1/spec.go */
export const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';

const DIFF_ID = 'containerd.io/uncompressed';
const MOST_BYTES = 64 * 1024 * 1024;

/** A layer as a cache has it. */
export interface CachedLayer {
  readonly diffId: DiffId;
  readonly descriptor: Descriptor;
}

/** What a step came to, by each of its keys; `null`: it changed no file. */
export interface CacheEntry {
  readonly keys: readonly string[];
  readonly layer: CachedLayer | null;
  /** The layer below, if the cache has it too. */
  readonly parent: DiffId | undefined;
}

interface Config {
  readonly layers?: readonly {
    readonly blob: string;
    readonly parent?: number;
    readonly annotations?: { readonly mediaType?: string; readonly diffID?: string; readonly size?: number };
  }[];
  readonly records?: readonly { readonly digest: string; readonly layers?: readonly { readonly layer: number }[] }[];
}

/** The config of a cache, and its layers in the order that it names them. */
export function cacheConfig(entries: readonly CacheEntry[]): { readonly bytes: Buffer; readonly layers: Descriptor[] } {
  const layers: CachedLayer[] = [];
  const parents: (DiffId | undefined)[] = [];
  const records: { digest: string; layers?: { layer: number }[] }[] = [];
  const indexOf = (diffId: DiffId | undefined) => layers.findIndex((layer) => layer.diffId === diffId);
  for (const { keys, layer, parent } of entries) {
    if (layer !== null && indexOf(layer.diffId) < 0) {
      layers.push(layer);
      parents.push(parent);
    }
    const made = layer === null ? {} : { layers: [{ layer: indexOf(layer.diffId) }] };
    for (const digest of keys) records.push({ digest, ...made });
  }
  const config: Config = {
    layers: layers.map(({ diffId, descriptor: { digest, mediaType, size } }, i) => ({
      blob: digest,
      parent: parents[i] === undefined ? -1 : indexOf(parents[i]),
      annotations: { mediaType, diffID: diffId, size },
    })),
    records,
  };
  const described = layers.map(({ diffId, descriptor }) => ({ ...descriptor, annotations: { [DIFF_ID]: diffId } }));
  return { bytes: Buffer.from(JSON.stringify(config)), layers: described };
}

/**
 * Reads what a cache knows: a cache's manifest, or an index that has its layers and config side by side, or an image with an inline
 * cache (also one for several platforms).
 * @throws {Error} if it is none, or damaged
 */
export async function readCache(place: CachePlace, host: Platform): Promise<ReadonlyMap<string, CachedLayer | null>> {
  return readDocument(place, await place.root(), host, true);
}

async function readDocument(
  place: CachePlace,
  document: Document,
  host: Platform,
  mayNest: boolean,
): Promise<ReadonlyMap<string, CachedLayer | null>> {
  const parsed = parse<Partial<Manifest & ImageIndex>>(document.bytes);
  const { config, layers = [], manifests = [] } = parsed;
  const cache = config?.mediaType === CACHE_CONFIG ? config : manifests.find((m) => m.mediaType === CACHE_CONFIG);
  if (cache !== undefined) {
    return ofConfig(parse<Config>(await wholeBlob(place, cache, MOST_BYTES)), [...layers, ...manifests]);
  }
  if (config !== undefined) return ofImage(parse<ImageConfig>(await wholeBlob(place, config, MOST_BYTES)), layers);
  const own = manifests.find(({ platform }) => platform?.os === host.os && platform.architecture === host.architecture);
  const only = own ?? (manifests.length === 1 ? manifests[0] : undefined);
  if (only === undefined || !mayNest) throw new Error('it holds neither a build cache nor an image for this machine');
  return readDocument(place, await place.manifest(only.digest), host, false);
}

function ofConfig({ layers = [], records = [] }: Config, blobs: readonly Descriptor[]) {
  const known = new Map<string, CachedLayer | null>();
  for (const { digest: key, layers: made = [] } of records) {
    if (made.length === 0) {
      known.set(key, null);
      continue;
    }
    const { blob, annotations = {} } = layers[made[0]?.layer ?? -1] ?? {};
    const descriptor = blobs.find(({ digest }) => digest === blob);
    const { diffID = '' } = annotations;
    if (descriptor === undefined || !isDigest(diffID))
      throw new Error('a step in it names a layer that it does not have');
    known.set(key, { diffId: diffID as DiffId, descriptor });
  }
  return known;
}

/** An inline cache; what was made in other ways than by our builder says nothing of its steps. */
function ofImage(config: ImageConfig, layers: readonly Descriptor[]) {
  const known = new Map<string, CachedLayer | null>();
  for (const [i, keys] of (config['wharf.build.cache.v1'] ?? []).entries()) {
    const diffId = config.rootfs.diff_ids[i] as DiffId | undefined;
    const descriptor = layers[i];
    if (diffId === undefined || descriptor === undefined) break;
    for (const key of keys) known.set(key, { diffId, descriptor });
  }
  return known;
}

function parse<T extends object>(bytes: Buffer): T {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (typeof value !== 'object' || value === null) throw new Error('a JSON object is expected');
  return value as T;
}

/** The manifest of a cache: as that of an image, or as an index, as older registries and builders want it. */
export function cacheManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  { asImage, oci }: { readonly asImage: boolean; readonly oci: boolean },
): { readonly bytes: Buffer; readonly mediaType: string } {
  const mediaType = asImage ? MEDIA_TYPES.ociManifest : oci ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.dockerIndex;
  const parts = asImage ? { config, layers } : { manifests: [...layers, config] };
  return { bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...parts })), mediaType };
}

export function descriptorOf(mediaType: string, digest: Digest, size: number): Descriptor {
  return { mediaType, digest, size };
}
