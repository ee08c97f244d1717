import { buffer } from 'node:stream/consumers';
import { type Descriptor, MEDIA_TYPES } from '../core/oci.ts';
import { canonical, familiarName, type Reference } from '../core/reference.ts';
import type { ProgressMessage, RegistryAuth } from '../core/wire/resources.ts';
import { invalidParameter } from '../core/errors.ts';
import type { Image } from '../engine/index.ts';
import { imageForm, imageNames, type ImageParts, type ImageTarget, writeImages } from './image-blobs.ts';
import { retried } from '../registry/index.ts';

const MANIFESTS: readonly string[] = [
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.dockerIndex,
];
/** Keys that ask for another form than that in which the engine pushes. */
const OF_FORM = /^(compression|oci-mediatypes|annotation.*)$/;

/** What pushes for somebody. */
export interface PushClient {
  credentials(registry: string): Promise<RegistryAuth | undefined>;
  /** Goes around the push to one name. */
  during<T>(title: string, work: (tell: (m: ProgressMessage) => void) => Promise<T>): Promise<T>;
}

/** Refuses before anything is built what cannot be pushed. @throws {WharfError} `INVALID_PARAMETER`, `INVALID_REFERENCE` */
export function checkPush(attrs: Readonly<Record<string, string>>): void {
  imageForm('registry', attrs);
  const no = (message: string) => invalidParameter({ message: `output type=registry: ${message}` });
  if (attrs['push-by-digest'] === 'true') throw no('push-by-digest is not supported');
  if (imageNames(attrs).length === 0) throw no('tag is needed when pushing to registry');
}

/**
 * Pushes one image, or an index of images of several platforms, to each of its names.
 * @returns what the names mean now; `undefined`: the engine has pushed the image that it has under these names
 */
export async function pushImages(
  images: readonly Image[],
  attrs: Readonly<Record<string, string>>,
  client: PushClient,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  checkPush(attrs);
  const asItIs = images.length === 1 && !Object.keys(attrs).some((key) => OF_FORM.test(key));
  let root: Descriptor | undefined;
  for (const name of imageNames(attrs)) {
    await client.during(`pushing ${canonical(name)}`, async (tell) => {
      const auth = await client.credentials(name.registry);
      if (asItIs) {
        await parts.engine.images.push(familiarName(name), { tag: name.tag ?? 'latest', auth }, tell, signal);
      } else root = await pushOne(images, attrs, name, auth, tell, parts, signal);
    });
  }
  return root;
}

async function pushOne(
  images: readonly Image[],
  attrs: Readonly<Record<string, string>>,
  name: Reference,
  auth: RegistryAuth | undefined,
  tell: (m: ProgressMessage) => void,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<Descriptor> {
  const { images: engineImages } = parts.engine;
  using repository = await engineImages.connect(name, { auth, push: true }, signal);
  const target: ImageTarget = {
    has: async ({ digest, mediaType }) => !MANIFESTS.includes(mediaType) && repository.hasBlob(digest),
    put: async ({ digest, size, mediaType }, open) => {
      if (MANIFESTS.includes(mediaType)) await repository.putManifest(digest, await buffer(open()), mediaType);
      else await retried(() => repository.upload(digest, size, open), { signal, onRetry: () => undefined });
    },
  };
  const say = (status: string): void => tell({ id: name.tag ?? 'latest', status });
  const { root, bytes } = await writeImages(images, imageForm('registry', attrs), target, parts, say, signal);
  await repository.putManifest(name.tag ?? 'latest', bytes, root.mediaType);
  return root;
}
