import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { type Digest, hexOf, sha256 } from '../../core/digest.ts';
import { type Descriptor, type ImageIndex, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { canonical, familiar, type Reference } from '../../core/reference.ts';
import type { Layer, LayerStore } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import type { Catalog } from './catalog.ts';

/** An image to save, with the names it is to have in the archive. */
export interface SavedImage {
  readonly image: Image;
  readonly names: readonly Reference[];
}

/** A layer in the archive: as it came, or as a plain tar. */
interface LayerBlob {
  readonly size: number;
  open(): Promise<Readable>;
}

/**
 * One tar that is a Docker archive and an OCI layout at once; blobs in order of their names. An image that came from a registry
 * has the manifest and the blobs that it came with, any other has plain layers.
 */
export function saveImages(catalog: Catalog, layers: LayerStore, saved: readonly SavedImage[]): Readable {
  const blobs = new Map<Digest, Buffer | LayerBlob>();
  const index: Descriptor[] = [];
  const dockerManifests: unknown[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names } of saved) {
    const { stack, config, text, mediaType, manifest } = savedManifest(catalog, layers, image);
    for (const [i, { digest, size }] of manifest.layers.entries()) {
      const layer = stack[i];
      if (layer) blobs.set(digest, { size, open: () => bytesOf(layers, layer, digest) });
    }
    blobs.set(image.id, config);
    const bytes = Buffer.from(text);
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    const descriptor = { mediaType, digest, size: bytes.length };
    if (names.length === 0) index.push(descriptor);
    for (const name of names) {
      index.push({
        ...descriptor,
        annotations: {
          'io.containerd.image.name': canonical(name),
          'org.opencontainers.image.ref.name': name.tag ?? 'latest',
        },
      });
      const top = manifest.layers.at(-1);
      if (top) (repositories[familiar({ ...name, tag: undefined })] ??= {})[name.tag ?? 'latest'] = hexOf(top.digest);
    }
    dockerManifests.push({
      Config: blobPath(image.id),
      RepoTags: names.length === 0 ? null : names.map(familiar),
      Layers: manifest.layers.map((layer) => blobPath(layer.digest)),
    });
  }

  const tar = pack();
  const write = async (): Promise<void> => {
    const sorted = [...blobs].map(([digest, blob]) => [blobPath(digest), blob] as const);
    for (const [name, blob] of sorted.sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (Buffer.isBuffer(blob)) addFile(tar, name, blob);
      else {
        await pipeline(await blob.open(), tar.entry({ name, size: blob.size, mode: 0o644, mtime: EPOCH }));
      }
    }
    const layoutIndex: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: index };
    addFile(tar, 'index.json', Buffer.from(JSON.stringify(layoutIndex)));
    addFile(tar, 'manifest.json', Buffer.from(JSON.stringify(dockerManifests)));
    addFile(tar, 'oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
    if (Object.keys(repositories).length > 0) addFile(tar, 'repositories', Buffer.from(JSON.stringify(repositories)));
    tar.finalize();
  };
  write().catch((e: unknown) => tar.destroy(e instanceof Error ? e : new Error(String(e))));
  return Readable.from(tar, { objectMode: false });
}

/** The manifest that an image came with, if it can still be given out whole, else one of plain layers. */
export function savedManifest(catalog: Catalog, layers: LayerStore, image: Image) {
  const stack = image.chain.flatMap((chainId) => layers.find(chainId) ?? []);
  const config = Buffer.from(catalog.configText(image.id));
  return { stack, config, ...(catalog.manifests.whole(image.id, stack) ?? plainManifest(image, config, stack)) };
}

function plainManifest(image: Image, config: Buffer, stack: readonly Layer[]) {
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: image.id, size: config.length },
    layers: stack.map(({ diffId, tarBytes }) => ({ mediaType: MEDIA_TYPES.ociLayer, digest: diffId, size: tarBytes })),
  };
  return { manifest, mediaType: MEDIA_TYPES.ociManifest, text: JSON.stringify(manifest) };
}

async function bytesOf(layers: LayerStore, layer: Layer, digest: Digest): Promise<Readable> {
  const blob = layer.blob?.digest === digest ? layers.blob(layer.chainId) : undefined;
  return blob ?? (await layers.tar(layer.chainId));
}

function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

const EPOCH = new Date(0);

function addFile(tar: Pack, name: string, bytes: Buffer): void {
  tar.entry({ name, size: bytes.length, mode: 0o644, mtime: EPOCH }, bytes);
}
