import { chainIds, type DiffId, type Digest, isDigest, sha256 } from '../../core/digest.ts';
import { type Descriptor, type ImageConfig, type ImageIndex, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { formatPlatform, hostPlatform, type Platform } from '../../core/platform.ts';
import { canonical, familiar, familiarName, parseReference, type Reference } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import {
  badManifest,
  type EndpointOptions,
  readRegistry,
  type RegistryClient,
  registryNotFound,
  registryUnauthorized,
  type ServedManifest,
} from '../../registry/index.ts';
import { imageOfOtherPlatform } from '../errors.ts';
import type { Crew } from './arrivals.ts';
import { notPulled, reservedName } from './errors.ts';
import { wrongInConfig, wrongInManifest } from './documents.ts';
import { fetchLayers } from './fetch-layers.ts';
import { manifestType } from './manifests.ts';
import { bestFor, parsePlatform } from './platforms.ts';
import type { OnMessage, PullParts } from './transfer.ts';

/** Plain, gzip and zstd; what is inside is told by the first bytes all the same. */
const LAYERS =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(\.gzip|\.zstd)?)$/;
export const MAX_CONFIG = 16 * 1024 * 1024;

export interface PullRequest {
  /** As given in `fromImage`, perhaps with tag or digest. */
  readonly reference: string;
  /** Tag or digest; empty with a bare reference means all tags. */
  readonly tag: string;
  readonly platform?: string | undefined;
  readonly auth: RegistryAuth | undefined;
}

/**
 * `docker pull`. Layers go from the network through all checks into their directories, without a stop on disk; those that are
 * here already are not fetched. Nothing is told before the registry has answered, so that failures until then have a status.
 * @throws {WharfError} `PULL_FAILED`, `REGISTRY_UNREACHABLE`, `INVALID_REFERENCE`
 */
export async function pullImage(
  parts: PullParts & EndpointOptions,
  request: PullRequest,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  const separator = request.tag === '' ? '' : isDigest(request.tag) ? '@' : ':';
  const reference = parseReference(request.reference + separator + request.tag);
  if (familiarName(reference) === 'scratch') throw reservedName({ name: 'scratch' });
  const platform = request.platform ? parsePlatform(request.platform) : hostPlatform();
  using crew = parts.arrivals.crew(signal);
  const options = {
    insecureRegistries: parts.insecureRegistries,
    registryMirrors: parts.registryMirrors,
    auth: request.auth,
    actions: 'pull',
    signal: crew.signal,
    onMirrorFailed: (mirror: string, why: string) => parts.log.info('mirror passed over', { mirror, why }),
  } as const;
  await readRegistry(reference.registry, reference.repository, options, (client) =>
    pullFrom(parts, client, reference, platform, crew, onMessage, signal),
  );
  if (request.platform) warnOfOtherPlatform(parts, reference, platform, onMessage);
}

/** An image of one platform is taken whatever was asked for; who asked is told, as Docker does. */
function warnOfOtherPlatform(
  { catalog }: PullParts,
  reference: Reference,
  asked: Platform,
  onMessage: OnMessage,
): void {
  const id = catalog.named(reference);
  const image = id === undefined ? undefined : catalog.byId(id);
  if (!image || bestFor(asked, [{ platform: image.config }]) !== undefined) return;
  const facts = { reference: canonical(reference), has: formatPlatform(image.config), asked: formatPlatform(asked) };
  onMessage({ status: `WARNING: ${imageOfOtherPlatform(facts).message}` });
}

/** Pulls one image, or all tags of a bare name, from one place. */
async function pullFrom(
  parts: PullParts,
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
  crew: Crew,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  const tags =
    reference.tag === undefined && reference.digest === undefined
      ? await explained(reference, () => client.tags())
      : [reference.tag];
  for (const tag of tags) {
    await pullOne(
      parts,
      client,
      reference.digest === undefined ? { ...reference, tag } : reference,
      platform,
      crew,
      onMessage,
      signal,
    );
  }
}

async function pullOne(
  parts: PullParts,
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
  crew: Crew,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<void> {
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const same = await stillNamed(parts, client, reference, platform);
  if (same) {
    onMessage({ status: `Pulling from ${reference.repository}`, id: wanted });
    tellPulled(parts, reference, same, true, onMessage);
    return;
  }
  const served = await explained(reference, () => client.manifest(wanted));
  const chosen = await choose(client, served, platform);
  onMessage({ status: `Pulling from ${reference.repository}`, id: wanted });
  const manifest = imageManifest(chosen);
  const { config: configDescriptor, layers } = manifest;
  const known = parts.catalog.byId(configDescriptor.digest);
  const image =
    known ?? (await fetchImage(parts, client, reference, configDescriptor, layers, crew, onMessage, signal));
  keepManifest(parts, image.id, chosen, manifest);
  const before = parts.catalog.named(reference);
  const name = { ...reference, tag: undefined, digest: served.digest };
  parts.catalog.name(name, image.id);
  if (reference.digest === undefined) parts.tag(reference, image.id);
  const upToDate = known !== undefined && (before === image.id || reference.digest !== undefined);
  tellPulled(parts, reference, served.digest, upToDate, onMessage);
}

/**
 * The digest that a tag has had before and still has, if its image is here and is for this platform: registries count those who
 * fetch manifests, not those who only ask.
 */
async function stillNamed(
  { catalog }: PullParts,
  client: RegistryClient,
  reference: Reference,
  platform: Platform,
): Promise<Digest | undefined> {
  const id = reference.tag === undefined || reference.digest !== undefined ? undefined : catalog.named(reference);
  const image = id === undefined ? undefined : catalog.byId(id);
  if (!image || bestFor(platform, [{ platform: image.config }]) === undefined) return undefined;
  const digest = await client.digestOf(reference.tag ?? 'latest');
  if (digest === undefined) return undefined;
  return catalog.named({ ...reference, tag: undefined, digest }) === image.id ? digest : undefined;
}

function tellPulled(
  { publish }: PullParts,
  reference: Reference,
  digest: Digest,
  upToDate: boolean,
  onMessage: OnMessage,
): void {
  publish({
    type: 'image',
    action: 'pull',
    id: familiar(reference),
    attributes: { name: familiarName(reference) },
  });
  onMessage({ status: `Digest: ${digest}` });
  const verdict = upToDate ? 'Image is up to date' : 'Downloaded newer image';
  onMessage({ status: `Status: ${verdict} for ${familiar(reference)}` });
}

/** Remembers the manifest to the byte, unless it is one that text cannot hold. */
function keepManifest(
  { catalog }: PullParts,
  image: Digest,
  { bytes, digest }: ServedManifest,
  manifest: Manifest,
): void {
  const text = bytes.toString();
  if (sha256(text) === digest) catalog.manifests.record(image, { digest, mediaType: manifestType(manifest), text });
}

async function fetchImage(
  parts: PullParts,
  client: RegistryClient,
  reference: Reference,
  descriptor: Descriptor,
  layers: readonly Descriptor[],
  crew: Crew,
  onMessage: OnMessage,
  signal: AbortSignal,
) {
  if (descriptor.size > MAX_CONFIG) throw badManifest({ why: 'image config is too large' });
  const pieces: Buffer[] = [];
  for await (const piece of client.blob(descriptor.digest, { sizeBytes: descriptor.size })) pieces.push(piece);
  const configText = Buffer.concat(pieces).toString();
  if (sha256(configText) !== descriptor.digest) throw badManifest({ why: 'image config is not UTF-8' });
  const config = configOf(configText);
  // Absent in the config of something that is no image.
  const diffIds = ((config.rootfs as ImageConfig['rootfs'] | null | undefined)?.diff_ids ?? []).filter(isDiffId);
  if (diffIds.length !== layers.length) {
    throw badManifest({ why: `image config has ${diffIds.length} layers, its manifest ${layers.length}` });
  }
  try {
    using hold = parts.holds.open();
    const chain = await fetchLayers(parts, client, reference, layers, diffIds, hold, crew, onMessage, signal);
    return parts.register(configText, chain);
  } catch (e) {
    await parts.release(chainIds(diffIds));
    throw e;
  }
}

/** @throws {WharfError} `BAD_MANIFEST` */
export function configOf(text: string): ImageConfig {
  const config = json(text);
  const why = wrongInConfig(config);
  if (why !== undefined) throw badManifest({ why: `malformed image config: ${why}` });
  return config as ImageConfig;
}

/** From an index, the manifest for a platform; a manifest is taken as it is. */
async function choose(client: RegistryClient, served: ServedManifest, platform: Platform): Promise<ServedManifest> {
  const document = manifestDocument(served);
  if (!document.manifests) return served;
  const found = bestFor(platform, document.manifests);
  if (!found) {
    throw notPulled({ why: `no matching manifest for ${formatPlatform(platform)} in the manifest list entries` });
  }
  return client.manifest(found.digest);
}

type Served = Pick<ServedManifest, 'bytes' | 'mediaType'>;

/** A manifest or an index; which, its fields tell. @throws {WharfError} `BAD_MANIFEST` */
export function manifestDocument({ bytes, mediaType }: Served): Partial<Manifest> & Partial<ImageIndex> {
  const document = json(bytes.toString());
  const why = wrongInManifest(document);
  if (why !== undefined) {
    throw badManifest({ why: `the registry's manifest (media type ${mediaType || 'unknown'}) is malformed: ${why}` });
  }
  return document as Partial<Manifest> & Partial<ImageIndex>;
}

/** `undefined`: it is none. */
function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The manifest of an image that can be pulled. @throws {WharfError} `BAD_MANIFEST` */
export function imageManifest(served: Served): Manifest {
  const { mediaType } = served;
  const manifest = manifestDocument(served);
  if (manifest.schemaVersion !== 2 || !manifest.config || !Array.isArray(manifest.layers)) {
    throw badManifest({ why: `unsupported media type ${mediaType}` });
  }
  const { mediaType: kind } = manifest.config;
  if (kind !== MEDIA_TYPES.ociConfig && kind !== MEDIA_TYPES.dockerConfig) {
    throw badManifest({ why: `unsupported media type ${kind}: this is no container image` });
  }
  const strange = manifest.layers.find((layer) => !LAYERS.test(layer.mediaType));
  if (strange) {
    const foreign = /\.(foreign|nondistributable)\./.test(strange.mediaType);
    const why = foreign ? ': such layers are not distributed by registries' : '';
    throw badManifest({ why: `unsupported layer media type ${strange.mediaType}${why}` });
  }
  if (![manifest.config, ...manifest.layers].every(({ digest }) => isDigest(digest))) {
    throw badManifest({ why: 'malformed digest in manifest' });
  }
  return manifest as Manifest;
}

/** Turns a registry's refusals into what Docker says about the image. */
export async function explained<T>(reference: Reference, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (e) {
    const name = familiarName(reference);
    if (registryUnauthorized.is(e) || (registryNotFound.is(e) && e.message.startsWith('name unknown'))) {
      const why = `pull access denied for ${name}, repository does not exist or may require 'docker login': ${e.message}`;
      throw notPulled({ why }, { cause: e });
    }
    if (registryNotFound.is(e)) {
      throw notPulled({ why: `manifest for ${familiar(reference)} not found: ${e.message}` }, { cause: e });
    }
    throw e;
  }
}

function isDiffId(text: string): text is DiffId {
  return isDigest(text);
}
