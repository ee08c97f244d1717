import { type Digest, isDigest, sha256 } from '../../core/digest.ts';
import { invalidParameter } from '../../core/errors.ts';
import { type ImageIndex, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { familiarName, parseReference, type Reference } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import {
  connectRegistry,
  type EndpointOptions,
  type RegistryClient,
  registryUnauthorized,
} from '../../registry/index.ts';
import { notPushed } from './errors.ts';

export interface IndexRequest {
  /** Where it goes: `registry/repository:tag`. */
  readonly name: string;
  /** The index to the byte, and its kind. */
  readonly bytes: Buffer;
  readonly mediaType: string;
  /** Repositories of the same registry that have manifests which the target may lack, by their digests. */
  readonly from: Readonly<Record<string, string>>;
  readonly auth: RegistryAuth | undefined;
}

/**
 * Pushes an index (`docker manifest push`). Manifests that it names and that are in other repositories of the registry are
 * brought to the target before, with their blobs. Gives the digest of the index.
 * @throws {WharfError} `PUSH_FAILED`, `REGISTRY_UNREACHABLE`, `INVALID_PARAMETER`
 */
export async function pushIndex(options: EndpointOptions, request: IndexRequest, signal: AbortSignal): Promise<Digest> {
  const target = parseReference(request.name);
  const index = indexOf(request);
  const connect = (reference: Reference, actions: 'pull' | 'pull,push') =>
    connectRegistry(reference.registry, reference.repository, {
      ...options,
      registryMirrors: [],
      auth: request.auth,
      actions,
      signal,
    });
  using client = await connect(target, 'pull,push');
  try {
    for (const { digest } of index.manifests) {
      const from = parseReference(request.from[digest] ?? familiarName(target));
      if (from.registry !== target.registry) {
        const why = `cannot use source images from a different registry than the target image: ${from.registry} != ${target.registry}`;
        throw notPushed({ why });
      }
      using source = await connect(from, 'pull');
      await copyManifest(source, from.repository, client, target.repository, digest);
    }
    await client.putManifest(target.tag ?? 'latest', request.bytes, request.mediaType);
  } catch (e) {
    if (!registryUnauthorized.is(e)) throw e;
    const why = `push access denied, repository does not exist or may require authorization: ${e.message}`;
    throw notPushed({ why }, { cause: e });
  }
  return sha256(request.bytes);
}

function indexOf({ bytes, mediaType }: IndexRequest): ImageIndex {
  if (mediaType !== MEDIA_TYPES.ociIndex && mediaType !== MEDIA_TYPES.dockerIndex) {
    throw invalidParameter({ message: `"${mediaType}" is no kind of index` });
  }
  try {
    const index = JSON.parse(bytes.toString()) as ImageIndex | null;
    if (Array.isArray(index?.manifests) && index.manifests.every(({ digest }) => isDigest(digest))) return index;
  } catch {
    // said below
  }
  throw invalidParameter({ message: 'this is no index of manifests' });
}

/** Success means "the target has the manifest and all that it names". */
async function copyManifest(
  source: RegistryClient,
  from: string,
  target: RegistryClient,
  to: string,
  digest: Digest,
): Promise<void> {
  const { bytes, mediaType } = await source.manifest(digest);
  if (from === to) return;
  const { config, layers } = JSON.parse(bytes.toString()) as Manifest;
  for (const blob of [config, ...layers]) {
    if ((await target.hasBlob(blob.digest)) || (await target.mount(blob.digest, from))) continue;
    await target.upload(blob.digest, blob.size, () => source.blobStream(blob.digest, blob.size));
  }
  await target.putManifest(digest, bytes, mediaType);
}
