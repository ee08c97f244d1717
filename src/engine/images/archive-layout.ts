import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, hexOf, isDigest, sha256 } from '../../core/digest.ts';
import { errnoOf } from '../../core/errors.ts';
import { type Descriptor, type ImageConfig, type ImageIndex, type Manifest, MEDIA_TYPES } from '../../core/oci.ts';
import { formatPlatform, hostPlatform } from '../../core/platform.ts';
import { wrongInConfig, wrongInManifest } from './documents.ts';
import { badArchive } from './errors.ts';
import { type KnownManifest, manifestType } from './manifests.ts';

/** Indexes within indexes. */
const MOST_DEPTH = 8;

/** One image of an archive, its files still to be read. */
export interface ArchivedImage {
  readonly configText: string;
  readonly config: ImageConfig;
  /** Full or short names, as the archive has them. */
  readonly names: readonly string[];
  readonly layers: readonly ArchivedLayer[];
  /** The manifest it came with, if its layers are there as that has them. */
  readonly manifest: KnownManifest | undefined;
}

export interface ArchivedLayer {
  readonly sizeBytes: number;
  /** Of the bytes as they lie there, which are checked while they are read; `undefined` if the archive does not tell. */
  readonly digest: Digest | undefined;
  open(): AsyncIterable<Uint8Array>;
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
  json<T extends object>(name: string): T {
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
  // What docker and we write is an OCI layout too: there the images' own manifests are.
  const known = files.has('index.json') ? originalManifests(files) : new Map<string, OriginalManifest>();
  return (manifests as readonly (DockerManifest | null)[]).map((manifest) => {
    const layers = textsOf(manifest?.Layers);
    const configText = files.text(String(manifest?.Config ?? ''));
    const original = known.get(sha256(configText));
    const same = original !== undefined && original.layers.map(blobName).join() === layers.join();
    return archivedImage(configText, textsOf(manifest?.RepoTags), layers, files, same ? original : undefined);
  });
}

function textsOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw badArchive({ why: 'invalid archive: malformed manifest.json' });
}

/** The manifest that an image came with, and the digests of its layers as the archive has them. */
interface OriginalManifest extends KnownManifest {
  readonly layers: readonly Digest[];
}

/** By digest of the config. What is wrong here is no error: the archive can be read without. */
function originalManifests(files: ArchiveFiles): Map<string, OriginalManifest> {
  const found = new Map<string, OriginalManifest>();
  try {
    for (const { text, digest, manifest } of layoutManifests(files)) {
      const { config, layers } = manifest;
      if (!config) continue;
      found.set(config.digest, { ...original(text, digest, manifest as Manifest), layers: digestsOf(layers) });
    }
  } catch (e) {
    if (!badArchive.is(e)) throw e;
  }
  return found;
}

function readOciLayout(files: ArchiveFiles): ArchivedImage[] {
  const found = layoutManifests(files).flatMap(({ text, digest, manifest, names }) => {
    const { config } = manifest;
    if (!config || !isImageConfig(config.mediaType)) return [];
    const configText = files.text(blobName(config.digest));
    if (sha256(configText) !== config.digest)
      throw badArchive({ why: `invalid archive: ${config.digest} does not match its content` });
    const layers = digestsOf(manifest.layers);
    const source = { ...original(text, digest, manifest as Manifest), layers };
    return [archivedImage(configText, names, layers.map(blobName), files, source)];
  });
  if (found.length === 0) {
    throw badArchive({ why: `invalid archive: it holds no image for ${formatPlatform(hostPlatform())}` });
  }
  return found;
}

interface LayoutManifest {
  readonly text: string;
  readonly digest: Digest;
  readonly manifest: Partial<Manifest>;
  readonly names: readonly string[];
}

/** All manifests of an OCI layout that this machine can use, each once, with the names that index.json gives them. */
function layoutManifests(files: ArchiveFiles): LayoutManifest[] {
  const found = new Map<Digest, { text: string; manifest: Partial<Manifest>; names: string[] }>();
  const visit = (descriptor: Descriptor, name: string | undefined, depth: number): void => {
    const { digest } = descriptor;
    const known = found.get(digest);
    if (known) {
      if (name !== undefined) known.names.push(name);
      return;
    }
    const file = blobName(digest);
    if (!files.has(file)) return; // other platforms of an index may be missing
    const text = files.text(file);
    if (sha256(text) !== digest) throw badArchive({ why: `invalid archive: ${digest} does not match its content` });
    const document = manifestIn(text, file);
    if (!document.manifests) found.set(digest, { text, manifest: document, names: name === undefined ? [] : [name] });
    else if (depth < MOST_DEPTH) for (const child of forThisHost(document.manifests)) visit(child, name, depth + 1);
  };
  for (const descriptor of manifestIn(files.text('index.json'), 'index.json').manifests ?? []) {
    const full = descriptor.annotations?.['io.containerd.image.name'];
    const short = descriptor.annotations?.['org.opencontainers.image.ref.name'];
    // A bare tag says nothing about whose tag it is.
    visit(descriptor, full ?? (short !== undefined && /[:/]/.test(short) ? short : undefined), 0);
  }
  return [...found].map(([digest, rest]) => ({ digest, ...rest }));
}

function manifestIn(text: string, name: string): Partial<Manifest & ImageIndex> {
  const document = parseJson<Partial<Manifest & ImageIndex>>(text, name);
  const why = wrongInManifest(document);
  if (why !== undefined) throw badArchive({ why: `invalid archive: ${name}: ${why}` });
  return document;
}

function original(text: string, digest: Digest, manifest: Manifest): KnownManifest {
  return { digest, mediaType: manifestType(manifest), text };
}

function digestsOf(layers: Manifest['layers'] | undefined): Digest[] {
  if (layers !== undefined && !Array.isArray(layers)) throw badArchive({ why: 'invalid archive: malformed manifest' });
  return (layers ?? []).map(({ digest }) => digest);
}

function archivedImage(
  configText: string,
  names: readonly string[],
  layers: readonly string[],
  files: ArchiveFiles,
  source: OriginalManifest | undefined,
): ArchivedImage {
  const config = parseJson<ImageConfig>(configText, 'image config');
  const why = wrongInConfig(config);
  if (why !== undefined) throw badArchive({ why: `invalid archive: malformed image config: ${why}` });
  const diffIds: readonly string[] | undefined = config.rootfs?.diff_ids;
  if (!Array.isArray(diffIds)) throw badArchive({ why: 'invalid archive: image config has no rootfs' });
  if (diffIds.length !== layers.length) {
    const why = `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${layers.length}`;
    throw badArchive({ why });
  }
  // Layers that lie there plain are better compressed when they are pushed.
  const compressed = source?.layers.every((digest, i) => digest !== diffIds[i]) === true;
  return {
    configText,
    config,
    names,
    manifest: compressed ? source : undefined,
    layers: layers.map((name, i) => {
      const path = files.path(name);
      // A plain one is told by its diffID.
      const digest = source?.layers[i] === diffIds[i] ? undefined : source?.layers[i];
      return {
        sizeBytes: statSync(path).size,
        digest,
        open: () => {
          const bytes = createReadStream(path, { highWaterMark: 256 * 1024 });
          return digest === undefined ? bytes : checked(bytes, digest);
        },
      };
    }),
  };
}

/** Passes a blob on; fails at its end if it is not that of the digest. */
async function* checked(source: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<Uint8Array> {
  const hash = createHash(digest.startsWith('sha512:') ? 'sha512' : 'sha256');
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== hexOf(digest)) {
    throw badArchive({ why: `invalid archive: ${digest} does not match its content` });
  }
}

/** Children of an index that this machine can run; all that say nothing about platforms. */
function forThisHost(children: readonly Descriptor[]): readonly Descriptor[] {
  const { os, architecture } = hostPlatform();
  if (!Array.isArray(children)) throw badArchive({ why: 'invalid archive: malformed index' });
  return children.filter(({ platform }) => !platform || (platform.os === os && platform.architecture === architecture));
}

function isImageConfig(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociConfig || mediaType === MEDIA_TYPES.dockerConfig;
}

function blobName(digest: Digest): string {
  if (!isDigest(digest)) throw badArchive({ why: 'invalid archive: malformed digest' });
  return `blobs/${digest.replace(':', '/')}`;
}

function parseJson<T extends object>(text: string, name: string): T {
  try {
    const value = JSON.parse(text) as T | null;
    if (typeof value === 'object' && value !== null) return value;
  } catch (e) {
    throw badArchive({ why: `invalid archive: ${name} is not JSON` }, { cause: e });
  }
  throw badArchive({ why: `invalid archive: ${name} is no JSON object` });
}
