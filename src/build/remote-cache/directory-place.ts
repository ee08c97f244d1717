import { createHash } from 'node:crypto';
import { closeSync, constants, createReadStream, openSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '../../core/digest.ts';
import { hexOf, isDigest } from '../../core/digest.ts';
import type { ImageIndex } from '../../core/oci.ts';
import { MEDIA_TYPES } from '../../core/oci.ts';
import { openBeneath } from '../../linux/index.ts';
import type { CachePlace, CacheTarget } from './place.ts';

const TAG = 'org.opencontainers.image.ref.name';

/**
 * A cache in a directory (an OCI image layout), to read. No link in it leads out of it.
 * @param wanted which of several: a tag, or a digest
 */
export function openDirectoryPlace(
  path: string,
  wanted: { readonly tag: string; readonly digest: string },
): CachePlace {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const read = (name: string) => createReadStream('', { fd: openBeneath(fd, name), highWaterMark: 512 * 1024 });
  const blob = (digest: Digest) => read(`blobs/sha256/${hexOf(digest)}`);
  const named = async (digest: Digest, mediaType = '') => ({ bytes: await buffer(blob(digest)), mediaType });
  return {
    async root() {
      if (isDigest(wanted.digest)) return named(wanted.digest);
      const { manifests = [] } = JSON.parse((await buffer(read('index.json'))).toString()) as Partial<ImageIndex>;
      const tagged = manifests.find(({ annotations }) => annotations?.[TAG] === wanted.tag);
      const found = tagged ?? (manifests.length === 1 ? manifests[0] : undefined);
      if (found === undefined || !isDigest(found.digest)) throw new Error(`index.json names nothing ${wanted.tag}`);
      return named(found.digest, found.mediaType);
    },
    manifest: (digest) => named(digest),
    blob: ({ digest }) => blob(digest),
    async [Symbol.asyncDispose]() {
      closeSync(fd);
    },
  };
}

/** A cache in a directory of our own, to write: an OCI image layout. */
export function openDirectoryTarget(path: string, tag: string): CacheTarget {
  const blobs = join(path, 'blobs', 'sha256');
  const written = new Set<Digest>();
  return {
    has: async ({ digest }) => written.has(digest),
    async put({ digest }, open) {
      await mkdir(blobs, { recursive: true });
      await pipeline(open(), createWriteStream(join(blobs, hexOf(digest))));
      written.add(digest);
    },
    async finish(manifest, bytes) {
      await mkdir(blobs, { recursive: true });
      await writeFile(join(blobs, hexOf(manifest.digest)), bytes);
      await writeFile(join(path, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
      const index: ImageIndex = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociIndex,
        manifests: [{ ...manifest, annotations: { [TAG]: tag } }],
      };
      await writeFile(join(path, 'index.json'), JSON.stringify(index));
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Writes a stream to a file; gives what it was. Nothing is left of one that fails. */
export async function spool(source: AsyncIterable<Uint8Array>, path: string): Promise<{ hex: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  try {
    await pipeline(counted(), createWriteStream(`${path}.partial`));
    await rename(`${path}.partial`, path);
  } catch (e) {
    await rm(`${path}.partial`, { force: true });
    throw e;
  }
  return { hex: hash.digest('hex'), size };
}
