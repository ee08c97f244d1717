import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { DiffId } from '../core/digest.ts';
import { hexOf, sha256 } from '../core/digest.ts';
import { invalidParameter } from '../core/errors.ts';
import { type Descriptor, type ImageIndex, type Manifest, MEDIA_TYPES } from '../core/oci.ts';
import type { Platform } from '../core/platform.ts';
import { canonical, familiar, parseReference, type Reference, withDefaultTag } from '../core/reference.ts';
import type { Engine, Image } from '../engine/index.ts';
import { tarOf } from './files/tar-of.ts';
import { openDirectoryTarget } from './remote-cache/directory-place.ts';
import { type CompressedLayers, writeLayer } from './remote-cache/export.ts';
import { descriptorOf } from './remote-cache/format.ts';
import type { CacheTarget } from './remote-cache/place.ts';
import type { CacheCompression } from './remote-cache/spec.ts';

/** `-o type=oci` or `type=docker` to a file. */
export interface ArchiveOptions {
  readonly type: 'oci' | 'docker';
  readonly names: readonly Reference[];
  readonly compression: CacheCompression;
  readonly oci: boolean;
  readonly annotations: Readonly<Record<string, string>>;
}

interface ArchiveParts {
  readonly engine: Engine;
  readonly temporary: string;
  readonly compressed: CompressedLayers;
}

/** What an output's keys ask for. @throws {WharfError} `INVALID_PARAMETER` at what cannot be done */
export function archiveOptions(type: string, attrs: Readonly<Record<string, string>>): ArchiveOptions {
  const no = (message: string) => invalidParameter({ message: `output type=${type}: ${message}` });
  if (type !== 'oci' && type !== 'docker') throw no('oci or docker is expected');
  const { compression = type === 'oci' ? 'gzip' : 'uncompressed', tar = 'true' } = attrs;
  if (compression !== 'gzip' && compression !== 'zstd' && compression !== 'uncompressed') {
    throw no(`compression=${compression} is not supported: use gzip, zstd or uncompressed`);
  }
  if (tar !== 'true') throw no('tar=false is not supported');
  const names = (attrs['name'] ?? '').split(',').filter((name) => name !== '');
  const annotations = Object.entries(attrs).flatMap(([key, value]) => {
    const [, name] = /^annotation(?:-manifest)?(?:\[[^\]]*\])?\.(.+)$/.exec(key) ?? [];
    return name === undefined ? [] : [[name, value] as const];
  });
  return {
    type,
    names: names.map((name) => withDefaultTag(parseReference(name))),
    compression,
    oci: (attrs['oci-mediatypes'] ?? String(type === 'oci')) === 'true',
    annotations: Object.fromEntries(annotations),
  };
}

/**
 * One image, or one for each of several platforms, as an archive: an OCI layout, which for `docker` is a Docker archive as well.
 * Layers are compressed before the first byte comes.
 */
export async function imageArchive(
  images: readonly Image[],
  options: ArchiveOptions,
  { engine, temporary, compressed }: ArchiveParts,
  signal: AbortSignal,
): Promise<{ readonly tar: Readable; readonly root: Descriptor }> {
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(temporary, 'archive-'));
  await using undo = new AsyncDisposableStack();
  const remove = () => rm(directory, { recursive: true, force: true });
  undo.defer(remove);
  const target = openDirectoryTarget(directory, '');
  const written: Written[] = [];
  const parts = {
    layers: engine.parts.storage.layers,
    temporary,
    known: compressed,
    elsewhere: () => undefined,
    say: () => undefined,
  };
  for (const image of images) {
    const layers: Descriptor[] = [];
    for (const [i, chainId] of image.chain.entries()) {
      signal.throwIfAborted();
      const diffId = image.config.rootfs.diff_ids[i] as DiffId;
      const layer = await writeLayer({ chainId, diffId }, options.compression, target, parts);
      if (layer === undefined) throw new Error(`a layer of ${image.id} is gone`);
      layers.push({ ...layer.descriptor, mediaType: layerType(layer.descriptor.mediaType, options.oci) });
    }
    written.push(await writeManifest(image, layers, options, engine, target));
  }
  const root = await writeRoot(written, options, target);
  await writeIndexes(directory, root, written, options);
  undo.move();
  // The same image is the same archive.
  const exactly = { entries: (await readdir(directory)).toSorted(), mtime: '@0' };
  return { tar: tarOf({ root: directory, [Symbol.asyncDispose]: remove }, signal, exactly), root };
}

interface Written {
  readonly image: Image;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
}

function layerType(mediaType: string, oci: boolean): string {
  if (oci || mediaType === MEDIA_TYPES.ociLayerZstd) return mediaType;
  return mediaType === MEDIA_TYPES.ociLayerGzip ? MEDIA_TYPES.dockerLayerGzip : MEDIA_TYPES.dockerLayer;
}

async function writeManifest(
  image: Image,
  layers: readonly Descriptor[],
  { oci, annotations }: ArchiveOptions,
  engine: Engine,
  target: CacheTarget,
): Promise<Written> {
  const config = Buffer.from(engine.images.configText(image.id));
  const configType = oci ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig;
  const described = descriptorOf(configType, image.id, config.length);
  await target.put(described, streamOf(config));
  const mediaType = oci ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest;
  const noted = Object.keys(annotations).length === 0 ? {} : { annotations };
  const manifest: Manifest = { schemaVersion: 2, mediaType, config: described, layers, ...noted };
  return { image, layers, manifest: await putJson(manifest, mediaType, target) };
}

/** What the archive is of: a manifest, or an index of those of several platforms. */
async function writeRoot(
  written: readonly Written[],
  { oci }: ArchiveOptions,
  target: CacheTarget,
): Promise<Descriptor> {
  const [first, ...more] = written;
  if (first !== undefined && more.length === 0) return first.manifest;
  const mediaType = oci ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.dockerIndex;
  const manifests = written.map(({ manifest, image }) => ({ ...manifest, platform: platformOf(image) }));
  return putJson({ schemaVersion: 2, mediaType, manifests }, mediaType, target);
}

function platformOf({ config: { os, architecture, variant } }: Image): Platform {
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

async function putJson(document: object, mediaType: string, target: CacheTarget): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(document));
  const descriptor = descriptorOf(mediaType, sha256(bytes), bytes.length);
  await target.put(descriptor, streamOf(bytes));
  return descriptor;
}

async function writeIndexes(
  directory: string,
  root: Descriptor,
  written: readonly Written[],
  { type, names }: ArchiveOptions,
): Promise<void> {
  const named = names.map(
    (name): Descriptor => ({
      ...root,
      annotations: {
        'io.containerd.image.name': canonical(name),
        'org.opencontainers.image.ref.name': name.tag ?? 'latest',
      },
    }),
  );
  const manifests = named.length === 0 ? [root] : named;
  const index: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
  await writeFile(join(directory, 'index.json'), JSON.stringify(index));
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  if (type !== 'docker') return;
  const blob = ({ digest }: Pick<Descriptor, 'digest'>) => `blobs/sha256/${hexOf(digest)}`;
  const documents = written.map(({ image, layers }) => ({
    Config: blob({ digest: image.id }),
    RepoTags: names.length === 0 ? null : names.map(familiar),
    Layers: layers.map(blob),
  }));
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(documents));
}

function streamOf(bytes: Buffer): () => Readable {
  return () => Readable.from([bytes], { objectMode: false });
}
