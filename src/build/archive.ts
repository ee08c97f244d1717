import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { hexOf } from '../core/digest.ts';
import { invalidParameter } from '../core/errors.ts';
import { type Descriptor, type ImageIndex, MEDIA_TYPES } from '../core/oci.ts';
import { canonical, familiar, type Reference } from '../core/reference.ts';
import type { Image } from '../engine/index.ts';
import { tarOf } from './files/tar-of.ts';
import {
  type ImageForm,
  imageForm,
  imageNames,
  type ImageParts,
  type WrittenImage,
  writeImages,
} from './image-blobs.ts';
import { openDirectoryTarget } from './remote-cache/directory-place.ts';

/** `-o type=oci` or `type=docker` to a file. */
export interface ArchiveOptions extends ImageForm {
  readonly type: 'oci' | 'docker';
  readonly names: readonly Reference[];
}

/** What an output's keys ask for. @throws {WharfError} `INVALID_PARAMETER` at what cannot be done */
export function archiveOptions(type: string, attrs: Readonly<Record<string, string>>): ArchiveOptions {
  const no = (message: string) => invalidParameter({ message: `output type=${type}: ${message}` });
  if (type !== 'oci' && type !== 'docker') throw no('oci or docker is expected');
  if ((attrs['tar'] ?? 'true') !== 'true') throw no('tar=false is not supported');
  return { type, names: imageNames(attrs), ...imageForm(type, attrs) };
}

/**
 * One image, or one for each of several platforms, as an archive: an OCI layout, which for `docker` is a Docker archive as well.
 * Layers are compressed before the first byte comes.
 */
export async function imageArchive(
  images: readonly Image[],
  options: ArchiveOptions,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<{ readonly tar: Readable; readonly root: Descriptor }> {
  await mkdir(parts.temporary, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(parts.temporary, 'archive-'));
  await using undo = new AsyncDisposableStack();
  const remove = () => rm(directory, { recursive: true, force: true });
  undo.defer(remove);
  const target = openDirectoryTarget(directory, '');
  const { root, written } = await writeImages(images, options, target, parts, () => undefined, signal);
  await writeIndexes(directory, root, written, options);
  undo.move();
  // The same image is the same archive.
  const exactly = { entries: (await readdir(directory)).toSorted(), mtime: '@0' };
  return { tar: tarOf({ root: directory, [Symbol.asyncDispose]: remove }, signal, exactly), root };
}

async function writeIndexes(
  directory: string,
  root: Descriptor,
  written: readonly WrittenImage[],
  { type, names }: ArchiveOptions,
): Promise<void> {
  const named = names.map(
    (name): Descriptor => ({
      ...root,
      annotations: {
        'io.containerd.image.name': canonical(name),
        'org.opencontainers.image.ref.name': name.tag ?? 'latest',
      },
    }),
  );
  const manifests = named.length === 0 ? [root] : named;
  const index: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
  await writeFile(join(directory, 'index.json'), JSON.stringify(index));
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  if (type !== 'docker') return;
  const blob = ({ digest }: Pick<Descriptor, 'digest'>) => `blobs/sha256/${hexOf(digest)}`;
  const documents = written.map(({ image, layers }) => ({
    Config: blob({ digest: image.id }),
    RepoTags: names.length === 0 ? null : names.map(familiar),
    Layers: layers.map(blob),
  }));
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(documents));
}
