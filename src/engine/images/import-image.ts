import type { Readable } from 'node:stream';
import type { Digest } from '../../core/digest.ts';
import type { ImageConfig } from '../../core/oci.ts';
import { hostPlatform } from '../../core/platform.ts';
import { familiar } from '../../core/reference.ts';
import { withoutRareCompression } from '../../storage/index.ts';
import { fetchUrl } from '../../registry/index.ts';
import type { Images } from '../contract.ts';
import { requestedName } from './names.ts';
import { parsePlatform } from './platforms.ts';
import type { MakeParts } from './transfer.ts';

/** `docker import`: a root file system becomes an image of one layer. Gives its ID. */
export async function importImage(
  parts: MakeParts,
  source: Readable | URL,
  request: Parameters<Images['import']>[1],
  signal: AbortSignal,
): Promise<Digest> {
  const name = requestedName(request);
  const config = request.change({});
  const { os, architecture, variant } = request.platform ? parsePlatform(request.platform) : hostPlatform();
  using hold = parts.holds.open();
  const tar = source instanceof URL ? fetchUrl(source, signal) : source;
  const layer = await parts.storage.layers.apply(null, withoutRareCompression(tar), { signal });
  hold.add(layer.chainId);
  const created = new Date().toISOString();
  const document: ImageConfig = {
    created,
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config,
    rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    history: [
      {
        created,
        comment:
          request.message === '' ? `Imported from ${source instanceof URL ? source.href : '-'}` : request.message,
      },
    ],
  };
  const { id } = parts.make(JSON.stringify(document), [layer.chainId], undefined);
  if (name) parts.tag(name, id);
  parts.publish({ type: 'image', action: 'import', id, attributes: { name: name ? familiar(name) : id } });
  return id;
}
