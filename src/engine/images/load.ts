import type { Readable } from 'node:stream';
import { type ChainId, chainIds, type DiffId, isDigest } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import { familiar } from '../../core/reference.ts';
import { digestMismatch, scratchDirectory, unpackArchive } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import { type ArchivedImage, type ArchivedLayer, readArchive } from './archive-layout.ts';
import { badArchive } from './errors.ts';
import { tagReference } from './names.ts';
import { counted, type OnMessage, type PullParts } from './transfer.ts';

/** `docker load`. Nothing of an image stays that turns out to be broken; those before it stay. @throws {WharfError} `BAD_ARCHIVE` */
export async function loadArchive(
  parts: PullParts,
  tar: Readable,
  { quiet }: { readonly quiet: boolean },
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  await using scratch = scratchDirectory(parts.storage);
  await unpackArchive(tar, scratch.path, signal);
  for (const archived of readArchive(scratch.path)) {
    const names = archived.names.map(tagReference);
    const image = await loadOne(parts, archived, quiet ? () => undefined : onMessage, signal);
    for (const name of names) {
      const before = parts.tag(name, image.id);
      if (before !== undefined && parts.catalog.names(before).length === 0) {
        const text = `The image ${familiar(name)} already exists, renaming the old one with ID ${before} to empty string\n`;
        onMessage({ stream: text });
      }
      onMessage({ stream: `Loaded image: ${familiar(name)}\n` });
    }
    if (names.length === 0) onMessage({ stream: `Loaded image ID: ${image.id}\n` });
    parts.publish({ type: 'image', action: 'load', id: image.id, attributes: { name: image.id } });
  }
}

async function loadOne(
  parts: PullParts,
  { config, configText, layers, manifest }: ArchivedImage,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<Image> {
  const bad = config.rootfs.diff_ids.find((diffId) => !isDigest(diffId));
  if (bad !== undefined) throw badArchive({ why: `invalid archive: malformed diffID "${bad}"` });
  const diffIds = config.rootfs.diff_ids as readonly DiffId[];
  const chain = chainIds(diffIds);
  try {
    using hold = parts.holds.open();
    for (const chainId of chain) hold.add(chainId);
    for (const [i, layer] of layers.entries()) {
      const diffId = diffIds[i];
      if (diffId !== undefined) await applyLayer(parts, i, chain[i - 1] ?? null, layer, diffId, onMessage, signal);
    }
    const image = parts.register(configText, chain);
    if (manifest) parts.catalog.manifests.record(image.id, manifest);
    return image;
  } catch (e) {
    await parts.release(chain);
    throw e;
  }
}

async function applyLayer(
  { storage }: PullParts,
  index: number,
  parent: ChainId | null,
  layer: ArchivedLayer,
  diffId: DiffId,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  const id = shortId(diffId);
  const bytes = counted(layer.open(), (current) =>
    onMessage({ id, status: 'Loading layer', progressDetail: { current, total: layer.sizeBytes } }),
  );
  const blob = layer.digest === undefined ? {} : { blob: layer.digest };
  try {
    await storage.layers.apply(parent, bytes, { expect: diffId, signal, ...blob });
  } catch (e) {
    if (!digestMismatch.is(e)) throw e;
    const got = /got (\S+)/.exec(e.message)?.[1] ?? '';
    throw badArchive({ why: `invalid diffID for layer ${index}: expected "${diffId}", got "${got}"` }, { cause: e });
  }
}
