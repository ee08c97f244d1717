import { type ChainId, chainIds, type DiffId } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import type { Descriptor } from '../../core/oci.ts';
import type { Reference } from '../../core/reference.ts';
import { Slots } from '../../core/slots.ts';
import type { RegistryClient } from '../../registry/index.ts';
import type { StagedLayer } from '../../storage/index.ts';
import { KnownBlobs } from './known-blobs.ts';
import type { Bringing, Crew } from './arrivals.ts';
import { counted, type OnMessage, type ImageParts } from './transfer.ts';

/** A layer of the image, and where it goes. */
interface Wanted {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  readonly position: ChainId;
}

/** A layer that this pull brings: to be put in place, and then everybody is told. */
type Brought = Bringing & { readonly staged: StagedLayer };

/**
 * Brings an image's layers here and gives their chain. What is here is not fetched, whichever image it came with; what another
 * pull is bringing is waited for; the rest comes side by side, is unpacked as it comes, and is put in place from the bottom up.
 * On failure nothing stays but whole layers.
 */
export async function fetchLayers(
  parts: ImageParts,
  client: RegistryClient,
  reference: Reference,
  layers: readonly Descriptor[],
  diffIds: readonly DiffId[],
  hold: { add(chainId: ChainId): void },
  crew: Crew,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<ChainId[]> {
  const known = new KnownBlobs(parts.storage);
  const chain = chainIds(diffIds);
  const wanted = layers.flatMap((descriptor, i): Wanted[] => {
    const [diffId, position] = [diffIds[i], chain[i]];
    return diffId === undefined || position === undefined ? [] : [{ descriptor, diffId, position }];
  });
  for (const position of chain) hold.add(position);
  for (const { digest } of layers) onMessage({ id: shortId(digest), status: 'Pulling fs layer' });
  // One that fails stops the others: nobody waits for a layer of an image that will not be.
  const aborter = new AbortController();
  const work: Work = {
    parts,
    client,
    crew,
    slots: new Slots(parts.transfers.downloads),
    ends: [],
    onMessage,
    failed: aborter.signal,
  };
  const places = new Map(wanted.map((layer) => [layer, Promise.withResolvers<void>()]));
  /** A layer that the image has twice comes once: the upper one waits until the lower one is in place, and is made from that. */
  const bringInTurn = async (layer: Wanted): Promise<Brought | undefined> => {
    const twin = wanted.find(({ diffId }) => diffId === layer.diffId);
    if (twin && twin !== layer) await places.get(twin)?.promise;
    return await bring(work, layer);
  };
  // The largest first, so that not one core is busy with it alone when all others have come.
  const bringing = new Map(
    wanted.toSorted((a, b) => b.descriptor.size - a.descriptor.size).map((layer) => [layer, bringInTurn(layer)]),
  );
  for (const promise of bringing.values()) promise.catch(() => aborter.abort());
  try {
    let parent: ChainId | null = null;
    for (const layer of wanted) {
      const brought = await bringing.get(layer);
      if (brought) {
        await brought.staged.put(parent);
        brought.tell({ id: shortId(layer.descriptor.digest), status: 'Pull complete' });
        brought.end();
      }
      places.get(layer)?.resolve();
      parent = layer.position;
    }
    signal.throwIfAborted(); // all this was for others then
    for (const { descriptor, diffId } of wanted) {
      if (!descriptor.mediaType.endsWith('gzip')) continue;
      known.record(diffId, { digest: descriptor.digest, sizeBytes: descriptor.size }, reference);
    }
    return chain;
  } catch (e) {
    aborter.abort();
    for (const { resolve } of places.values()) resolve();
    // The first failure is why the others were stopped.
    const reasons = (await Promise.allSettled(bringing.values())).flatMap((r) =>
      r.status === 'rejected' ? [r.reason as unknown] : [],
    );
    throw reasons.find((reason) => !isAbort(reason)) ?? e;
  } finally {
    for (const result of await Promise.allSettled(bringing.values())) {
      if (result.status === 'fulfilled') await result.value?.staged[Symbol.asyncDispose]();
    }
    for (const end of work.ends) end();
  }
}

/** What the layers of one image are brought with. */
interface Work {
  readonly parts: ImageParts;
  readonly client: RegistryClient;
  readonly crew: Crew;
  readonly slots: Slots;
  /** What is to be called when the layers that this pull brings are in place, or will not come. */
  readonly ends: (() => void)[];
  readonly onMessage: OnMessage;
  /** One of the layers cannot be had. */
  readonly failed: AbortSignal;
}

/** Sees to it that a layer is here. `undefined`: it is, or another pull has brought it. */
async function bring(work: Work, layer: Wanted): Promise<Brought | undefined> {
  const { parts, client, crew, slots, ends, onMessage, failed } = work;
  const { storage, arrivals } = parts;
  const id = shortId(layer.descriptor.digest);
  const both = AbortSignal.any([crew.signal, failed]);
  for (;;) {
    if (storage.layers.find(layer.position)) {
      onMessage({ id, status: 'Already exists' });
      return undefined;
    }
    const arriving = arrivals.follow(layer.position, onMessage, both);
    if (!arriving) break;
    await arriving;
  }
  const arrival = crew.begin(layer.position, onMessage);
  ends.push(arrival.end);
  if (slots.full) arrival.tell({ id, status: 'Waiting' });
  return await slots.run(async () => {
    const wantedStill = AbortSignal.any([arrival.signal, failed]);
    wantedStill.throwIfAborted();
    return { ...arrival, staged: await stage(parts, client, layer, arrival.tell, wantedStill) };
  });
}

async function stage(
  { storage }: ImageParts,
  client: RegistryClient,
  { descriptor, diffId }: Wanted,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<StagedLayer> {
  const { digest, size } = descriptor;
  const id = shortId(digest);
  // Another image may have the same changes on top of something else.
  const twin = storage.layers.list().find((known) => known.diffId === diffId);
  if (twin) {
    const blob = twin.blob?.digest === digest ? storage.layers.blob(twin.chainId) : undefined;
    const staged = await storage.layers.stage(blob ?? (await storage.layers.tar(twin.chainId)), {
      expect: diffId,
      signal,
      ...(blob && { blob: digest }),
    });
    onMessage({ id, status: 'Download complete' });
    return staged;
  }
  const tell = (current: number): void =>
    onMessage({ id, status: 'Downloading', progressDetail: { current, total: size } });
  const onRetry = (seconds: number): void =>
    onMessage({ id, status: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}` });
  const source = client.blob(digest, { sizeBytes: size, onRetry, signal });
  const staged = await storage.layers.stage(counted(source, tell), { expect: diffId, blob: digest, signal });
  onMessage({ id, status: 'Verifying Checksum' });
  onMessage({ id, status: 'Download complete' });
  return staged;
}

function isAbort(e: unknown): boolean {
  return e instanceof Error && e.name === 'AbortError';
}
