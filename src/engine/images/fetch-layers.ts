import { type ChainId, chainIds, type DiffId, sha256 } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import type { Descriptor } from '../../core/oci.ts';
import type { Reference } from '../../core/reference.ts';
import type { RegistryClient } from '../../registry/index.ts';
import type { StagedLayer } from '../../storage/index.ts';
import { KnownBlobs } from './known-blobs.ts';
import { Slots } from './slots.ts';
import { counted, type OnMessage, type TransferParts } from './transfer.ts';

/** Layers of one image that are on their way at once. */
const AT_ONCE = 3;

/**
 * Brings an image's layers here and gives their chain. What is here is not fetched, whichever image it came with; the rest
 * comes side by side, is unpacked as it comes, and is put in place from the bottom up. On failure nothing stays but whole layers.
 */
export async function fetchLayers(
  parts: TransferParts,
  client: RegistryClient,
  reference: Reference,
  layers: readonly Descriptor[],
  diffIds: readonly DiffId[],
  hold: { add(chainId: ChainId): void },
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<ChainId[]> {
  const { storage } = parts;
  const known = new KnownBlobs(storage);
  const chain = chainIds(diffIds);
  for (const position of chain) hold.add(position);
  for (const { digest } of layers) onMessage({ id: shortId(digest), status: 'Pulling fs layer' });
  // One that fails stops the others: nobody waits for a layer of an image that will not be.
  const aborter = new AbortController();
  const both = AbortSignal.any([signal, aborter.signal]);
  const slots = new Slots(AT_ONCE);
  const staged = layers.map(async (layer, i): Promise<StagedLayer | undefined> => {
    const diffId = diffIds[i];
    const position = chain[i];
    const id = shortId(layer.digest);
    if (diffId === undefined || position === undefined) return undefined;
    if (storage.layers.find(position)) {
      onMessage({ id, status: 'Already exists' });
      return undefined;
    }
    return await slots.run(async () => {
      both.throwIfAborted();
      return await stage(parts, client, layer, diffId, onMessage, both);
    });
  });
  for (const promise of staged) promise.catch(() => aborter.abort());
  try {
    let parent: ChainId | null = null;
    for (const [i, promise] of staged.entries()) {
      const ready = await promise;
      const diffId = diffIds[i];
      const layer = layers[i];
      if (diffId === undefined || layer === undefined) break;
      if (ready) {
        parent = (await ready.put(parent)).chainId;
        onMessage({ id: shortId(layer.digest), status: 'Pull complete' });
      } else parent = (parent === null ? diffId : sha256(`${parent} ${diffId}`)) as ChainId;
      if (layer.mediaType.endsWith('gzip')) {
        known.record(diffId, { digest: layer.digest, sizeBytes: layer.size }, reference);
      }
    }
    return chain;
  } catch (e) {
    aborter.abort();
    // The first failure is why the others were stopped.
    const reasons = (await Promise.allSettled(staged)).flatMap((r) =>
      r.status === 'rejected' ? [r.reason as unknown] : [],
    );
    throw reasons.find((reason) => !isAbort(reason)) ?? e;
  } finally {
    for (const result of await Promise.allSettled(staged)) {
      if (result.status === 'fulfilled') await result.value?.[Symbol.asyncDispose]();
    }
  }
}

async function stage(
  { storage }: TransferParts,
  client: RegistryClient,
  layer: Descriptor,
  diffId: DiffId,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<StagedLayer> {
  const id = shortId(layer.digest);
  // Another image may have the same changes on top of something else.
  const twin = storage.layers.list().find((known) => known.diffId === diffId);
  if (twin) {
    const staged = await storage.layers.stage(await storage.layers.tar(twin.chainId), { expect: diffId, signal });
    onMessage({ id, status: 'Download complete' });
    return staged;
  }
  const tell = (current: number): void =>
    onMessage({ id, status: 'Downloading', progressDetail: { current, total: layer.size } });
  const onRetry = (seconds: number): void =>
    onMessage({ id, status: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}` });
  const source = client.blob(layer.digest, { sizeBytes: layer.size, onRetry, signal });
  const staged = await storage.layers.stage(counted(source, tell), { expect: diffId, signal });
  onMessage({ id, status: 'Verifying Checksum' });
  onMessage({ id, status: 'Download complete' });
  return staged;
}

function isAbort(e: unknown): boolean {
  return e instanceof Error && e.name === 'AbortError';
}
