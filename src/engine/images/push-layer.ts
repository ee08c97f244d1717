import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Digest, digestFromHex } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import { type Descriptor, MEDIA_TYPES } from '../../core/oci.ts';
import type { Reference } from '../../core/reference.ts';
import { type RegistryClient, retried } from '../../registry/index.ts';
import type { Layer, LayerStore } from '../../storage/index.ts';
import { KnownBlobs } from './known-blobs.ts';
import { counted, type OnMessage, type ImageParts } from './transfer.ts';

/** Tries to have a blob mounted; each costs a round trip. */
const MOUNTS = 3;

/**
 * Sees to it that a registry has a layer: what is there already, or can be taken over from another of its repositories, is not
 * sent. What was kept as it came is sent as it came, the rest is compressed on its way.
 * @param wanted the form that it must have; `undefined`: any gzip form will do
 */
export async function pushLayer(
  { storage }: ImageParts,
  client: RegistryClient,
  reference: Reference,
  layer: Layer,
  wanted: Descriptor | undefined,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<Descriptor> {
  const id = shortId(layer.diffId);
  const known = new KnownBlobs(storage);
  const kept = wanted ?? keptForm(layer);
  const done = (blob: { readonly digest: Digest; readonly sizeBytes: number }, status: string): Descriptor => {
    known.record(layer.diffId, blob, reference);
    onMessage({ id, status });
    return wanted ?? { mediaType: MEDIA_TYPES.dockerLayerGzip, digest: blob.digest, size: blob.sizeBytes };
  };
  const forms = known.of(layer.diffId, reference).filter(({ digest }) => !wanted || digest === wanted.digest);
  if (kept && !forms.some(({ digest }) => digest === kept.digest)) {
    forms.unshift({ digest: kept.digest, sizeBytes: kept.size, seen: [] });
  }
  let mounts = MOUNTS;
  for (const blob of forms) {
    if (await client.hasBlob(blob.digest)) return done(blob, 'Layer already exists');
    for (const from of known.elsewhere(blob, reference).slice(0, mounts--)) {
      if (await client.mount(blob.digest, from)) return done(blob, `Mounted from ${from}`);
    }
  }
  const options = {
    signal,
    onRetry: (seconds: number): void => onMessage({ id, status: `Retrying in ${seconds} seconds` }),
  };
  if (kept) {
    const tell = (current: number): void =>
      onMessage({ id, status: 'Pushing', progressDetail: { current, total: kept.size } });
    const open = () =>
      Readable.from(counted(keptBytes(storage.layers, layer, kept.digest), tell), { objectMode: false });
    await retried(() => client.upload(kept.digest, kept.size, open), options);
    return done({ digest: kept.digest, sizeBytes: kept.size }, 'Pushed');
  }
  return done(await retried(() => compressed(storage.layers, client, layer, onMessage, signal), options), 'Pushed');
}

/** The form in which a layer came, if a manifest of Docker's kind can name it. */
function keptForm({ blob }: Layer): Descriptor | undefined {
  if (blob?.compression !== 'gzip') return undefined;
  return { mediaType: MEDIA_TYPES.dockerLayerGzip, digest: blob.digest, size: blob.sizeBytes };
}

/** The bytes of a form that is here: the blob that was kept, or the tar itself. */
async function* keptBytes(layers: LayerStore, layer: Layer, digest: Digest): AsyncGenerator<Uint8Array> {
  const blob = layer.blob?.digest === digest ? layers.blob(layer.chainId) : undefined;
  yield* blob ?? (await layers.tar(layer.chainId));
}

/** Compresses and sends a layer at the same time. */
async function compressed(
  layers: LayerStore,
  client: RegistryClient,
  layer: Layer,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let digest: Digest | undefined;
  const total = layer.tarBytes;
  let told = 0;
  const tell = (current: number): void => {
    if (Date.now() - told < 100) return;
    told = Date.now();
    onMessage({
      id: shortId(layer.diffId),
      status: 'Pushing',
      progressDetail: { current: Math.min(current, total), total },
    });
  };
  const gzip = layers.compressed(layer.chainId, tell);
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of gzip) {
      signal.throwIfAborted();
      hash.update(chunk);
      sizeBytes += chunk.length;
      yield chunk;
    }
  };
  const open = (): Readable => Readable.from(hashed(), { objectMode: false });
  await client.uploadStream(open, () => (digest ??= digestFromHex(hash.digest('hex'))));
  if (digest === undefined) throw new Error('an upload ended without a digest');
  return { digest, sizeBytes };
}
