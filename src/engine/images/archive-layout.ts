import { createReadStream, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest, type Digest, sha256 } from '../../core/digest.ts';
import { errnoOf } from '../../core/errors.ts';
import { type Descriptor, type ImageConfig, type ImageIndex, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { hostPlatform } from '../../core/platform.ts';
import { badArchive } from './errors.ts';

/** One image of an archive, its files still to be read. */
export interface ArchivedImage {
  readonly configText: string;
  readonly config: ImageConfig;
  /** Full or short names, as the archive has them. */
  readonly names: readonly string[];
  readonly layers: readonly { readonly sizeBytes: number; open(): AsyncIterable<Uint8Array> }[];
}

/**
 * Reads what `docker save` (old and new), skopeo and OCI tools write, unpacked in `directory`. manifest.json counts more than
 * index.json, as with Docker. @throws {WharfError} `BAD_ARCHIVE`
 */
export function readArchive(directory: string): ArchivedImage[] {
  const files = new ArchiveFiles(directory);
  if (files.has('manifest.json')) return readDockerArchive(files);
  if (files.has('index.json')) return readOciLayout(files);
  throw badArchive({ why: 'invalid archive: does not contain a manifest.json' });
}

/** Files of the archive by name. Links are followed (old archives share layers by them), but not out of the directory. */
class ArchiveFiles {
  readonly #root: string;
  constructor(directory: string) {
    this.#root = realpathSync(directory);
  }
  has(name: string): boolean {
    return existsSync(this.#inside(name) ?? '/nonexistent');
  }
  path(name: string): string {
    const path = this.#inside(name);
    if (path === undefined || !statSync(path).isFile())
      throw badArchive({ why: `invalid archive: "${name}" is missing` });
    return path;
  }
  text(name: string): string {
    const path = this.path(name);
    if (statSync(path).size > 16 * 1024 * 1024) throw badArchive({ why: `invalid archive: "${name}" is too large` });
    return readFileSync(path, 'utf8');
  }
  json<T>(name: string): T {
    return parseJson<T>(this.text(name), name);
  }
  #inside(name: string): string | undefined {
    try {
      const path = realpathSync(join(this.#root, name));
      return path.startsWith(`${this.#root}/`) ? path : undefined;
    } catch (e) {
      if (errnoOf(e) !== undefined) return undefined;
      throw e;
    }
  }
}

interface DockerManifest {
  readonly Config?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers?: readonly string[] | null;
}

function readDockerArchive(files: ArchiveFiles): ArchivedImage[] {
  const manifests = files.json<readonly DockerManifest[]>('manifest.json');
  if (!Array.isArray(manifests)) throw badArchive({ why: 'invalid archive: manifest.json is not a list' });
  return (manifests as readonly DockerManifest[]).map((manifest) => {
    const configText = files.text(manifest.Config ?? '');
    return archivedImage(configText, manifest.RepoTags ?? [], manifest.Layers ?? [], files);
  });
}

function readOciLayout(files: ArchiveFiles): ArchivedImage[] {
  const found: ArchivedImage[] = [];
  const visit = (descriptor: Descriptor, names: readonly string[]): void => {
    const name = blobName(descriptor.digest);
    if (!files.has(name)) return; // other platforms of an index may be missing
    const text = files.text(name);
    if (sha256(text) !== descriptor.digest)
      throw badArchive({ why: `invalid archive: ${descriptor.digest} does not match its content` });
    const document = parseJson<Partial<Manifest & ImageIndex>>(text, name);
    if (document.manifests) {
      for (const child of forThisHost(document.manifests)) visit(child, names);
    } else if (document.config && isImageConfig(document.config.mediaType)) {
      const layers = (document.layers ?? []).map(({ digest }) => blobName(digest));
      found.push(archivedImage(files.text(blobName(document.config.digest)), names, layers, files));
    }
  };
  for (const descriptor of files.json<ImageIndex>('index.json').manifests ?? []) {
    const full = descriptor.annotations?.['io.containerd.image.name'];
    const short = descriptor.annotations?.['org.opencontainers.image.ref.name'];
    // A bare tag says nothing about whose tag it is.
    const name = full ?? (short !== undefined && /[:/]/.test(short) ? short : undefined);
    visit(descriptor, name === undefined ? [] : [name]);
  }
  return found;
}

function archivedImage(
  configText: string,
  names: readonly string[],
  layers: readonly string[],
  files: ArchiveFiles,
): ArchivedImage {
  const config = parseJson<ImageConfig>(configText, 'image config');
  const expected = config.rootfs?.diff_ids?.length;
  if (expected === undefined) throw badArchive({ why: 'invalid archive: image config has no rootfs' });
  if (expected !== layers.length) {
    throw badArchive({ why: `invalid manifest, layers length mismatch: expected ${expected}, got ${layers.length}` });
  }
  return {
    configText,
    config,
    names,
    layers: layers.map((name) => {
      const path = files.path(name);
      return { sizeBytes: statSync(path).size, open: () => createReadStream(path, { highWaterMark: 256 * 1024 }) };
    }),
  };
}

/** Children of an index that this machine can run; all that say nothing about platforms. */
function forThisHost(children: readonly Descriptor[]): readonly Descriptor[] {
  const { os, architecture } = hostPlatform();
  return children.filter(({ platform }) => !platform || (platform.os === os && platform.architecture === architecture));
}

function isImageConfig(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociConfig || mediaType === MEDIA_TYPES.dockerConfig;
}

function blobName(digest: Digest): string {
  if (!isDigest(digest)) throw badArchive({ why: 'invalid archive: malformed digest' });
  return `blobs/${digest.replace(':', '/')}`;
}

function parseJson<T>(text: string, name: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (e) {
    throw badArchive({ why: `invalid archive: ${name} is not JSON` }, { cause: e });
  }
}
