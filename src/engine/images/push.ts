import { sha256 } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import { type Descriptor, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { familiar, familiarName, parseReference, type Reference } from '../../core/reference.ts';
import { Slots } from '../../core/slots.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import {
  connectRegistry,
  type EndpointOptions,
  type RegistryClient,
  registryUnauthorized,
} from '../../registry/index.ts';
import type { Layer } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import { notPushed } from './errors.ts';
import { pushLayer } from './push-layer.ts';
import type { OnMessage, ImageParts } from './transfer.ts';

/** `docker push` of one tag, or of all tags of the repository if none is given. @throws {WharfError} `PUSH_FAILED`, `REGISTRY_UNREACHABLE` */
export async function pushImage(
  parts: ImageParts & EndpointOptions,
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
  parts: ImageParts,
  client: RegistryClient,
  reference: Reference,
  image: Image,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  using hold = parts.holds.open();
  for (const chainId of image.chain) hold.add(chainId);
  const stack = image.chain.flatMap((chainId) => parts.storage.layers.find(chainId) ?? []);
  // An image that was pulled goes out under the manifest it came with.
  const known = parts.catalog.manifests.whole(image.id, stack);
  for (const { diffId } of stack) onMessage({ id: shortId(diffId), status: 'Preparing' });
  try {
    const slots = new Slots(parts.transfers.uploads);
    const aborter = new AbortController();
    const both = AbortSignal.any([signal, aborter.signal]);
    const send = (layer: Layer, i: number): Promise<Descriptor> =>
      slots.run(() => {
        both.throwIfAborted();
        return pushLayer(parts, client, reference, layer, known?.manifest.layers[i], onMessage, both);
      });
    // The largest first, so that not one core compresses it alone when all others are sent.
    const sending: Promise<Descriptor>[] = [];
    const order = [...stack.entries()].sort(([, a], [, b]) => b.tarBytes - a.tarBytes);
    for (const [i, layer] of order) sending[i] = send(layer, i);
    // One that fails stops the others, and all have ended when this ends.
    for (const layer of sending) layer.catch(() => aborter.abort());
    await Promise.allSettled(sending);
    const layers = await firstFailureOf(sending);
    const config = Buffer.from(parts.catalog.configText(image.id));
    if (!(await client.hasBlob(image.id))) await client.upload(image.id, config.length, () => config);
    const { text, mediaType } = known ?? newManifest(image, config.length, layers);
    const bytes = Buffer.from(text);
    const tag = reference.tag ?? 'latest';
    await client.putManifest(tag, bytes, mediaType);
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
    const why = `push access denied, repository does not exist or may require authorization: ${e.message}`;
    throw notPushed({ why }, { cause: e });
  }
}

/** The manifest of an image that has none yet. */
function newManifest(image: Image, configSize: number, layers: readonly Descriptor[]) {
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.dockerManifest,
    config: { mediaType: MEDIA_TYPES.dockerConfig, digest: image.id, size: configSize },
    layers,
  };
  return { text: JSON.stringify(manifest), mediaType: MEDIA_TYPES.dockerManifest };
}

/** All results, or the failure that came first; those that were only stopped because of it do not count. */
async function firstFailureOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  const failures = settled.flatMap((r) => (r.status === 'rejected' ? [r.reason as unknown] : []));
  if (failures.length > 0) throw failures.find((e) => !(e instanceof Error && e.name === 'AbortError')) ?? failures[0];
  return settled.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
}
