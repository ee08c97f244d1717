import { mkdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { DiffId } from '../core/digest.ts';
import { sha256 } from '../core/digest.ts';
import { invalidParameter } from '../core/errors.ts';
import { type Descriptor, type Manifest, MEDIA_TYPES } from '../core/oci.ts';
import type { Platform } from '../core/platform.ts';
import { parseReference, type Reference, withDefaultTag } from '../core/reference.ts';
import type { Engine, Image } from '../engine/index.ts';
import { type CompressedLayers, writeLayer } from './remote-cache/export.ts';
import { descriptorOf } from './remote-cache/format.ts';
import type { CacheTarget } from './remote-cache/place.ts';
import type { CacheCompression } from './remote-cache/spec.ts';

/** The form that an image has outside of the engine. */
export interface ImageForm {
  readonly compression: CacheCompression;
  /** Media types of OCI, else those of Docker. */
  readonly oci: boolean;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * What the keys of an output ask for.
 * @param type of the output; with `oci` media types of OCI are the default, with `docker` layers are not compressed
 * @throws {WharfError} `INVALID_PARAMETER` at what cannot be done
 */
export function imageForm(type: string, attrs: Readonly<Record<string, string>>): ImageForm {
  const { compression = type === 'docker' ? 'uncompressed' : 'gzip' } = attrs;
  if (compression !== 'gzip' && compression !== 'zstd' && compression !== 'uncompressed') {
    const how = 'use gzip, zstd or uncompressed';
    throw invalidParameter({ message: `output type=${type}: compression=${compression} is not supported: ${how}` });
  }
  const annotations = Object.entries(attrs).flatMap(([key, value]) => {
    const [, name] = /^annotation(?:-manifest)?(?:\[[^\]]*\])?\.(.+)$/.exec(key) ?? [];
    return name === undefined ? [] : [[name, value] as const];
  });
  return {
    compression,
    oci: (attrs['oci-mediatypes'] ?? String(type === 'oci')) === 'true',
    annotations: Object.fromEntries(annotations),
  };
}

/** The names in an output's keys. @throws {WharfError} `INVALID_REFERENCE` */
export function imageNames(attrs: Readonly<Record<string, string>>): Reference[] {
  const names = (attrs['name'] ?? '').split(',').filter((name) => name !== '');
  return names.map((name) => withDefaultTag(parseReference(name)));
}

export interface ImageParts {
  readonly engine: Engine;
  readonly temporary: string;
  readonly compressed: CompressedLayers;
}

export interface WrittenImage {
  readonly image: Image;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Where the parts of an image go. */
export type ImageTarget = Pick<CacheTarget, 'has' | 'put'>;

/**
 * Writes images with their layers, configs and manifests, and what is of all of them: the manifest of one, an index of those of
 * several platforms.
 * @param say told what is being written
 */
export async function writeImages(
  images: readonly Image[],
  form: ImageForm,
  target: ImageTarget,
  { engine, temporary, compressed }: ImageParts,
  say: (status: string) => void,
  signal: AbortSignal,
): Promise<{ readonly root: Descriptor; readonly bytes: Buffer; readonly written: readonly WrittenImage[] }> {
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const { layers: store } = engine.parts.storage;
  const parts = { layers: store, temporary, known: compressed, elsewhere: () => undefined, say };
  const written: (WrittenImage & { readonly bytes: Buffer })[] = [];
  for (const image of images) {
    const layers: Descriptor[] = [];
    for (const [i, chainId] of image.chain.entries()) {
      signal.throwIfAborted();
      const diffId = image.config.rootfs.diff_ids[i] as DiffId;
      const layer = await writeLayer({ chainId, diffId }, form.compression, target, parts);
      if (layer === undefined) throw new Error(`a layer of ${image.id} is gone`);
      layers.push({ ...layer.descriptor, mediaType: layerType(layer.descriptor.mediaType, form.oci) });
    }
    written.push(await writeManifest(image, layers, form, engine, target));
  }
  const [first, ...more] = written;
  if (first !== undefined && more.length === 0) return { root: first.manifest, bytes: first.bytes, written };
  const mediaType = form.oci ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.dockerIndex;
  const manifests = written.map(({ manifest, image }) => ({ ...manifest, platform: platformOf(image) }));
  const { descriptor, bytes } = await putJson({ schemaVersion: 2, mediaType, manifests }, mediaType, target);
  return { root: descriptor, bytes, written };
}

function layerType(mediaType: string, oci: boolean): string {
  if (oci || mediaType === MEDIA_TYPES.ociLayerZstd) return mediaType;
  return mediaType === MEDIA_TYPES.ociLayerGzip ? MEDIA_TYPES.dockerLayerGzip : MEDIA_TYPES.dockerLayer;
}

async function writeManifest(
  image: Image,
  layers: readonly Descriptor[],
  { oci, annotations }: ImageForm,
  engine: Engine,
  target: ImageTarget,
): Promise<WrittenImage & { readonly bytes: Buffer }> {
  const text = Buffer.from(engine.images.configText(image.id));
  const config = descriptorOf(oci ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig, image.id, text.length);
  if (!(await target.has(config))) await target.put(config, streamOf(text));
  const mediaType = oci ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest;
  const noted = Object.keys(annotations).length === 0 ? {} : { annotations };
  const manifest: Manifest = { schemaVersion: 2, mediaType, config, layers, ...noted };
  const { descriptor, bytes } = await putJson(manifest, mediaType, target);
  return { image, layers, manifest: descriptor, bytes };
}

function platformOf({ config: { os, architecture, variant } }: Image): Platform {
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

async function putJson(document: object, mediaType: string, target: ImageTarget) {
  const bytes = Buffer.from(JSON.stringify(document));
  const descriptor = descriptorOf(mediaType, sha256(bytes), bytes.length);
  await target.put(descriptor, streamOf(bytes));
  return { descriptor, bytes };
}

function streamOf(bytes: Buffer): () => Readable {
  return () => Readable.from([bytes], { objectMode: false });
}
