import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { type Digest, hexOf, parseDigest, sha256 } from '../../core/digest.ts';
import { type Descriptor, type ImageIndex, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { canonical, familiar, type Reference } from '../../core/reference.ts';
import type { Layer, LayerStore } from '../../storage/index.ts';
import type { Image } from '../contract.ts';

/** An image to save, with the names it is to have in the archive. */
export interface SavedImage {
  readonly image: Image;
  readonly configText: string;
  readonly names: readonly Reference[];
}

/** One tar that is a Docker archive and an OCI layout at once; blobs in order of their names, layers uncompressed. */
export function saveImages(saved: readonly SavedImage[], layers: LayerStore): Readable {
  const blobs = new Map<Digest, Buffer | Layer>();
  const index: Descriptor[] = [];
  const dockerManifests: unknown[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, configText, names } of saved) {
    const stack = image.chain.flatMap((chainId) => layers.find(chainId) ?? []);
    for (const layer of stack) blobs.set(layer.diffId, layer);
    const config = Buffer.from(configText);
    blobs.set(image.id, config);
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: { mediaType: MEDIA_TYPES.ociConfig, digest: image.id, size: config.length },
      layers: stack.map(({ diffId, tarBytes }) => ({
        mediaType: MEDIA_TYPES.ociLayer,
        digest: diffId,
        size: tarBytes,
      })),
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest, size: bytes.length };
    if (names.length === 0) index.push(descriptor);
    for (const name of names) {
      index.push({
        ...descriptor,
        annotations: {
          'io.containerd.image.name': canonical(name),
          'org.opencontainers.image.ref.name': name.tag ?? 'latest',
        },
      });
      const top = stack.at(-1);
      if (top) (repositories[familiar({ ...name, tag: undefined })] ??= {})[name.tag ?? 'latest'] = hexOf(top.diffId);
    }
    dockerManifests.push({
      Config: `blobs/sha256/${hexOf(image.id)}`,
      RepoTags: names.length === 0 ? null : names.map(familiar),
      Layers: stack.map(({ diffId }) => `blobs/sha256/${hexOf(diffId)}`),
    });
  }

  const tar = pack();
  const write = async (): Promise<void> => {
    for (const hex of [...blobs.keys()].map(hexOf).sort()) {
      const name = `blobs/sha256/${hex}`;
      const blob = blobs.get(parseDigest(`sha256:${hex}`));
      if (Buffer.isBuffer(blob)) addFile(tar, name, blob);
      else if (blob) {
        const entry = tar.entry({ name, size: blob.tarBytes, mode: 0o644, mtime: EPOCH });
        await pipeline(await layers.tar(blob.chainId), entry);
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

const EPOCH = new Date(0);

function addFile(tar: Pack, name: string, bytes: Buffer): void {
  tar.entry({ name, size: bytes.length, mode: 0o644, mtime: EPOCH }, bytes);
}
