import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Digest, digestFromHex, sha256 } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import { type Descriptor, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { familiar, familiarName, parseReference, type Reference } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import { connectRegistry, type RegistryClient, registryUnauthorized } from '../../registry/index.ts';
import { type Layer, scratchDirectory } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import { notPushed } from './errors.ts';
import { compressedLayers, counted, type OnMessage, type TransferParts } from './transfer.ts';

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
    const layers: Descriptor[] = [];
    for (const layer of stack) layers.push(await pushLayer(parts, client, layer, onMessage, signal));
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

async function pushLayer(
  { storage }: TransferParts,
  client: RegistryClient,
  layer: Layer,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<Descriptor> {
  const id = shortId(layer.diffId);
  const known = compressedLayers(storage).get(layer.diffId);
  if (known && (await client.hasBlob(known.digest))) {
    onMessage({ id, status: 'Layer already exists' });
    return { mediaType: MEDIA_TYPES.dockerLayerGzip, digest: known.digest, size: known.sizeBytes };
  }
  await using scratch = scratchDirectory(storage);
  const file = join(scratch.path, 'layer.tar.gz');
  const { digest, sizeBytes } = await compress(await storage.layers.tar(layer.chainId), file, signal);
  compressedLayers(storage).put(layer.diffId, { digest, sizeBytes });
  if (await client.hasBlob(digest)) {
    onMessage({ id, status: 'Layer already exists' });
  } else {
    const tell = (current: number): void =>
      onMessage({ id, status: 'Pushing', progressDetail: { current, total: sizeBytes } });
    await client.upload(digest, sizeBytes, () =>
      Readable.from(counted(createReadStream(file), tell), { objectMode: false }),
    );
    onMessage({ id, status: 'Pushed' });
  }
  await rm(file, { force: true });
  return { mediaType: MEDIA_TYPES.dockerLayerGzip, digest, size: sizeBytes };
}

/** Writes the gzip of a stream to a file; a registry wants to know the digest before it has the last byte. */
async function compress(
  tar: Readable,
  file: string,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await pipeline(
    tar,
    createGzip(),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(file, { flags: 'wx' }),
    { signal },
  );
  return { digest: digestFromHex(hash.digest('hex')), sizeBytes };
}
