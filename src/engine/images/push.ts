import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Digest, digestFromHex, sha256 } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import { type Descriptor, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { familiar, familiarName, parseReference, type Reference } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import { connectRegistry, type RegistryClient, registryUnauthorized } from '../../registry/index.ts';
import type { Layer } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import { notPushed } from './errors.ts';
import { KnownBlobs } from './known-blobs.ts';
import { Slots } from './slots.ts';
import { counted, type OnMessage, type TransferParts } from './transfer.ts';

/** `docker push` of one tag, or of all tags of the repository if none is given. @throws {WharfError} `PUSH_FAILED`, `REGISTRY_UNREACHABLE` */
export async function pushImage(
  parts: TransferParts,
  request: { readonly name: string; readonly tag: string; readonly auth: RegistryAuth | undefined },
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  const reference = parseReference(request.tag === '' ? request.name : `${request.name}:${request.tag}`);
  if (reference.digest !== undefined) throw notPushed({ why: 'cannot push a digest reference' });
  onMessage({ status: `The push refers to repository [${reference.registry}/${reference.repository}]` });
  const wanted = parts.catalog
    .names()
    .filter(
      ({ reference: r }) =>
        r.registry === reference.registry &&
        r.repository === reference.repository &&
        r.digest === undefined &&
        (reference.tag === undefined || r.tag === reference.tag),
    );
  if (wanted.length === 0) {
    throw notPushed({ why: `An image does not exist locally with the tag: ${familiarName(reference)}` });
  }
  using client = await connectRegistry(reference.registry, reference.repository, {
    insecureRegistries: parts.insecureRegistries,
    registryMirrors: [],
    auth: request.auth,
    actions: 'pull,push',
    signal,
  });
  for (const { reference: name, id } of wanted) {
    const image = parts.catalog.byId(id);
    if (image) await pushOne(parts, client, name, image, onMessage, signal);
  }
}

async function pushOne(
  parts: TransferParts,
  client: RegistryClient,
  reference: Reference,
  image: Image,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  using hold = parts.holds.open();
  for (const chainId of image.chain) hold.add(chainId);
  const stack = image.chain.flatMap((chainId) => parts.storage.layers.find(chainId) ?? []);
  for (const { diffId } of stack) onMessage({ id: shortId(diffId), status: 'Preparing' });
  try {
    const slots = new Slots(AT_ONCE);
    const aborter = new AbortController();
    const both = AbortSignal.any([signal, aborter.signal]);
    const sending = stack.map((layer) =>
      slots.run(() => {
        both.throwIfAborted();
        return pushLayer(parts, client, reference, layer, onMessage, both);
      }),
    );
    // One that fails stops the others, and all have ended when this ends.
    for (const layer of sending) layer.catch(() => aborter.abort());
    await Promise.allSettled(sending);
    const layers = await firstFailureOf(sending);
    const config = Buffer.from(parts.catalog.configText(image.id));
    if (!(await client.hasBlob(image.id))) await client.upload(image.id, config.length, () => config);
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.dockerManifest,
      config: { mediaType: MEDIA_TYPES.dockerConfig, digest: image.id, size: config.length },
      layers,
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const tag = reference.tag ?? 'latest';
    await client.putManifest(tag, bytes, MEDIA_TYPES.dockerManifest);
    const digest = sha256(bytes);
    parts.catalog.name({ ...reference, tag: undefined, digest }, image.id);
    parts.publish({
      type: 'image',
      action: 'push',
      id: familiar(reference),
      attributes: { name: familiarName(reference) },
    });
    onMessage({ status: `${tag}: digest: ${digest} size: ${bytes.length}` });
    onMessage({ aux: { Tag: tag, Digest: digest, Size: bytes.length } });
  } catch (e) {
    if (!registryUnauthorized.is(e)) throw e;
    const why = `push access denied for ${familiarName(reference)}, repository does not exist or may require authorization: ${e.message}`;
    throw notPushed({ why }, { cause: e });
  }
}

/** Layers are sent side by side, as compression takes one core each. */
const AT_ONCE = 3;
/** Tries to have a blob mounted; each costs a round trip. */
const MOUNTS = 3;
/** Between zlib's fastest and smallest: twice as fast as its default, a few per cent larger. */
const LEVEL = 4;

async function pushLayer(
  { storage }: TransferParts,
  client: RegistryClient,
  reference: Reference,
  layer: Layer,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<Descriptor> {
  const id = shortId(layer.diffId);
  const known = new KnownBlobs(storage);
  const done = (blob: { readonly digest: Digest; readonly sizeBytes: number }, status: string): Descriptor => {
    known.record(layer.diffId, blob, reference);
    onMessage({ id, status });
    return { mediaType: MEDIA_TYPES.dockerLayerGzip, digest: blob.digest, size: blob.sizeBytes };
  };
  let mounts = MOUNTS;
  for (const blob of known.of(layer.diffId, reference)) {
    if (await client.hasBlob(blob.digest)) return done(blob, 'Layer already exists');
    for (const from of known.elsewhere(blob, reference).slice(0, mounts--)) {
      if (await client.mount(blob.digest, from)) return done(blob, `Mounted from ${from}`);
    }
  }
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let digest: Digest | undefined;
  const tell = (current: number): void =>
    onMessage({
      id,
      status: 'Pushing',
      progressDetail: { current: Math.min(current, layer.tarBytes), total: layer.tarBytes },
    });
  const tar = await storage.layers.tar(layer.chainId);
  const open = (): Readable => {
    const gzip = createGzip({ level: LEVEL, chunkSize: 256 * 1024 });
    // A failure comes out of `gzip` too, where it is read.
    pipeline(Readable.from(counted(tar, tell), { objectMode: false }), gzip, { signal }).catch((e: Error) =>
      gzip.destroy(e),
    );
    const hashed = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of gzip as AsyncIterable<Buffer>) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        yield chunk;
      }
    };
    return Readable.from(hashed(), { objectMode: false });
  };
  await client.uploadStream(open, () => (digest ??= digestFromHex(hash.digest('hex'))));
  if (digest === undefined) throw new Error('an upload ended without a digest');
  return done({ digest, sizeBytes }, 'Pushed');
}

/** All results, or the failure that came first; those that were only stopped because of it do not count. */
async function firstFailureOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  const failures = settled.flatMap((r) => (r.status === 'rejected' ? [r.reason as unknown] : []));
  if (failures.length > 0) throw failures.find((e) => !(e instanceof Error && e.name === 'AbortError')) ?? failures[0];
  return settled.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
}
