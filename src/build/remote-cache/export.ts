import { mkdtemp, rm } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createZstdCompress } from 'node:zlib';
import type { ChainId, DiffId } from '../../core/digest.ts';
import { digestFromHex, sha256 } from '../../core/digest.ts';
import { type Descriptor, MEDIA_TYPES } from '../../core/oci.ts';
import type { Collection, Database, Layer, LayerStore } from '../../storage/index.ts';
import { spool } from './directory-place.ts';
import { type CachedLayer, type CacheEntry, cacheConfig, cacheManifest, CACHE_CONFIG, descriptorOf } from './format.ts';
import type { CacheTarget } from './place.ts';
import type { CacheCompression, ExportOptions } from './spec.ts';

/** What a step of a build came to. */
export interface StepOutcome {
  readonly keys: readonly string[];
  /** `null`: it changed no file. */
  readonly layer: { readonly chainId: ChainId; readonly diffId: DiffId } | null;
  readonly parent: DiffId | undefined;
}

export interface ExportParts {
  readonly layers: LayerStore;
  /** For layers that are being compressed. */
  readonly temporary: string;
  readonly known: CompressedLayers;
  /** A layer that another cache has and that was not fetched. */
  readonly elsewhere: (chainId: ChainId) => (CachedLayer & { open(): AsyncIterable<Uint8Array> }) | undefined;
  readonly say: (status: string) => void;
}

/** The form that a layer has when it is compressed, so that what a cache has already need not be compressed to know it. */
export class CompressedLayers {
  readonly #known: Collection<Descriptor>;

  constructor(db: Database) {
    this.#known = db.collection<Descriptor>('build-cache-forms');
  }

  find(diffId: DiffId, compression: CacheCompression): Descriptor | undefined {
    return this.#known.get(`${compression} ${diffId}`);
  }

  record(diffId: DiffId, compression: CacheCompression, descriptor: Descriptor): void {
    this.#known.put(`${compression} ${diffId}`, descriptor);
  }
}

/**
 * Writes what a build came to as a cache for other machines: the layers that are not there yet, their steps, and a manifest.
 * @returns the manifest's descriptor
 */
export async function writeCache(
  steps: readonly StepOutcome[],
  options: ExportOptions,
  target: CacheTarget,
  parts: ExportParts,
  signal: AbortSignal,
): Promise<Descriptor> {
  parts.say('preparing build cache for export');
  const entries: CacheEntry[] = [];
  const done = new Map<DiffId, CachedLayer>();
  for (const { keys, layer, parent } of steps) {
    signal.throwIfAborted();
    if (layer === null) {
      entries.push({ keys, layer: null, parent: undefined });
      continue;
    }
    const known = done.get(layer.diffId) ?? (await writeLayer(layer, options.compression, target, parts));
    if (known === undefined) continue; // gone meanwhile: a cache may miss it
    done.set(layer.diffId, known);
    entries.push({ keys, layer: known, parent });
  }
  const { bytes, layers } = cacheConfig(entries);
  const config = descriptorOf(CACHE_CONFIG, sha256(bytes), bytes.length);
  parts.say(`writing config ${config.digest}`);
  if (!(await target.has(config))) await target.put(config, () => Readable.from([bytes], { objectMode: false }));
  const manifest = cacheManifest(config, layers, options);
  const described = descriptorOf(manifest.mediaType, sha256(manifest.bytes), manifest.bytes.length);
  parts.say(`writing cache ${options.asImage ? 'image manifest' : 'manifest'} ${described.digest}`);
  await target.finish(described, manifest.bytes);
  return described;
}

/** Writes one layer, if it is not there; `undefined`: it is nowhere any more. */
export async function writeLayer(
  { chainId, diffId }: { readonly chainId: ChainId; readonly diffId: DiffId },
  compression: CacheCompression,
  target: Pick<CacheTarget, 'has' | 'put'>,
  parts: ExportParts,
): Promise<CachedLayer | undefined> {
  const layer = parts.layers.find(chainId);
  const write = async (descriptor: Descriptor, open: () => Readable): Promise<CachedLayer> => {
    if (await target.has(descriptor)) return { diffId, descriptor };
    parts.say(`writing layer ${descriptor.digest}`);
    await target.put(descriptor, open);
    return { diffId, descriptor };
  };
  if (layer === undefined) {
    const other = parts.elsewhere(chainId);
    if (other === undefined) return undefined;
    return write(other.descriptor, () => Readable.from(other.open(), { objectMode: false }));
  }
  const { blob } = layer;
  if (blob !== undefined && blob.compression === compression) {
    const descriptor = descriptorOf(mediaTypeOf(compression), blob.digest, blob.sizeBytes);
    return write(descriptor, () => parts.layers.blob(chainId) ?? Readable.from([]));
  }
  const known = parts.known.find(diffId, compression);
  if (known !== undefined && (await target.has(known))) return { diffId, descriptor: known };
  const directory = await mkdtemp(join(parts.temporary, 'cache-layer-'));
  try {
    const path = join(directory, 'blob');
    const { hex, size } = await spool(await bytesOf(layer, compression, parts.layers), path);
    const descriptor = descriptorOf(mediaTypeOf(compression), digestFromHex(hex), size);
    parts.known.record(diffId, compression, descriptor);
    return await write(descriptor, () => createReadStream(path, { highWaterMark: 512 * 1024 }));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function bytesOf({ chainId }: Layer, compression: CacheCompression, layers: LayerStore) {
  if (compression === 'gzip') return layers.compressed(chainId, () => undefined);
  const tar = await layers.tar(chainId);
  if (compression === 'uncompressed') return tar;
  const zstd = createZstdCompress();
  pipeline(tar, zstd, () => undefined);
  return zstd;
}

function mediaTypeOf(compression: CacheCompression): string {
  if (compression === 'uncompressed') return MEDIA_TYPES.ociLayer;
  return compression === 'gzip' ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayerZstd;
}
