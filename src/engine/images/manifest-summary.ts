import { sha256 } from '../../core/digest.ts';
import type { ImageManifestSummary } from '../../core/wire/resources.ts';
import type { LayerStore } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import type { Catalog } from './catalog.ts';
import { savedManifest } from './save.ts';

/**
 * The one manifest that an image has here: the one it came with, or that which it would be saved with. Its content is what
 * it takes to carry the image elsewhere; here it takes what its unpacked layers take.
 */
export function manifestSummary(
  catalog: Catalog,
  layers: LayerStore,
  image: Image,
  containers: readonly string[],
): ImageManifestSummary {
  const { text, mediaType, manifest } = savedManifest(catalog, layers, image);
  const { os, architecture, variant } = image.config;
  const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
  const bytes = Buffer.from(text);
  const digest = sha256(bytes);
  const content = manifest.layers.reduce((sum, { size }) => sum + size, bytes.length + manifest.config.size);
  return {
    ID: digest,
    Descriptor: { mediaType, digest, size: bytes.length, platform },
    Available: true,
    Size: { Content: content, Total: image.sizeBytes },
    Kind: 'image',
    ImageData: { Platform: platform, Containers: [...containers], Size: { Unpacked: image.sizeBytes } },
  };
}
