import type { Readable } from 'node:stream';
import type { Descriptor } from '../../core/oci.ts';
import { parseReference, withDefaultTag } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import type { Images } from '../../engine/index.ts';
import { retried } from '../../registry/index.ts';
import type { CachePlace, CacheTarget } from './place.ts';

type Connect = Pick<Images, 'connect'>;

/** A cache in a registry, to read. @throws {WharfError} if the registry cannot be reached */
export async function openRegistryPlace(
  images: Connect,
  name: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<CachePlace> {
  const reference = withDefaultTag(parseReference(name));
  const client = await images.connect(reference, { auth, push: false }, signal);
  return {
    root: () => client.manifest(reference.digest ?? reference.tag ?? 'latest'),
    manifest: (digest) => client.manifest(digest),
    blob: ({ digest, size }) => client.blob(digest, { sizeBytes: size }),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
    },
  };
}

/** A cache in a registry, to write. @throws {WharfError} if the registry cannot be reached */
export async function openRegistryTarget(
  images: Connect,
  name: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<CacheTarget> {
  const reference = withDefaultTag(parseReference(name));
  const client = await images.connect(reference, { auth, push: true }, signal);
  const upload = ({ digest, size }: Descriptor, open: () => Readable) =>
    retried(() => client.upload(digest, size, open), { signal, onRetry: () => undefined });
  return {
    has: ({ digest }) => client.hasBlob(digest),
    put: upload,
    finish: ({ mediaType }, bytes) => client.putManifest(reference.tag ?? 'latest', bytes, mediaType),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
    },
  };
}
