import { type Digest, isDigest } from '../../core/digest.ts';
import { MEDIA_TYPES } from '../../core/oci.ts';
import type { ManifestRow } from './catalog.ts';
import { manifestInvalid } from './errors.ts';

interface Item {
  readonly mediaType?: unknown;
  readonly digest?: unknown;
  readonly size?: unknown;
  readonly urls?: unknown;
}
interface Document {
  readonly schemaVersion?: unknown;
  readonly mediaType?: unknown;
  readonly artifactType?: unknown;
  readonly config?: Item;
  readonly layers?: unknown;
  readonly manifests?: unknown;
  readonly subject?: Item;
  readonly annotations?: unknown;
}

/** What a manifest that is pushed says, as far as the registry cares. */
export interface ManifestFacts extends Pick<ManifestRow, 'mediaType' | 'subject' | 'artifactType' | 'annotations'> {
  /** Blobs that must be in the repository. */
  readonly blobs: readonly Digest[];
  /** Manifests that must be in the repository: those an index lists. */
  readonly manifests: readonly Digest[];
}

const INDEXES: readonly string[] = [MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerIndex];
const MANIFESTS: readonly string[] = [MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerManifest];

/**
 * Reads a manifest or index (OCI image-spec 1.1, Docker schema 2).
 * @param contentType what the request says; the document's own `mediaType` must agree if it has one
 * @throws {Refusal} `MANIFEST_INVALID`
 */
export function readManifest(bytes: Buffer, contentType: string): ManifestFacts {
  let document: Document;
  try {
    document = JSON.parse(bytes.toString()) as Document;
  } catch {
    throw manifestInvalid('manifest is not JSON');
  }
  if (typeof document !== 'object' || document === null) throw manifestInvalid('manifest is not a JSON object');
  const own = typeof document.mediaType === 'string' ? document.mediaType : undefined;
  const mediaType = contentType === '' ? (own ?? '') : contentType;
  if (own !== undefined && own !== mediaType) {
    throw manifestInvalid(`mediaType "${own}" in the manifest is not the Content-Type "${mediaType}"`);
  }
  if (document.schemaVersion !== 2) {
    throw manifestInvalid('only manifests of schemaVersion 2 are taken; schema 1 is long deprecated');
  }
  const isIndex = INDEXES.includes(mediaType);
  if (!isIndex && !MANIFESTS.includes(mediaType)) throw manifestInvalid(`unknown media type "${mediaType}"`);
  const subject = document.subject === undefined ? undefined : digestOf(document.subject, 'subject');
  const common = { mediaType, subject, annotations: stringsOf(document.annotations) };
  if (isIndex) {
    return {
      ...common,
      artifactType: typeof document.artifactType === 'string' ? document.artifactType : '',
      blobs: [],
      manifests: listOf(document.manifests, 'manifests').map((item) => digestOf(item, 'manifests')),
    };
  }
  if (document.config === undefined) throw manifestInvalid('manifest has no config');
  // Layers that may not be distributed live elsewhere.
  const layers = listOf(document.layers, 'layers').filter(
    (layer) => !(Array.isArray(layer.urls) && layer.urls.length > 0) && !isForeign(layer.mediaType),
  );
  const configType = typeof document.config.mediaType === 'string' ? document.config.mediaType : '';
  return {
    ...common,
    artifactType:
      typeof document.artifactType === 'string' && document.artifactType !== '' ? document.artifactType : configType,
    blobs: [digestOf(document.config, 'config'), ...layers.map((layer) => digestOf(layer, 'layers'))],
    manifests: [],
  };
}

function isForeign(mediaType: unknown): boolean {
  return typeof mediaType === 'string' && /\.(nondistributable|foreign)\./.test(mediaType);
}
function listOf(value: unknown, what: string): Item[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'object' && item !== null)) {
    throw manifestInvalid(`"${what}" is not a list of descriptors`);
  }
  return value as Item[];
}
function digestOf(item: Item, what: string): Digest {
  if (typeof item?.digest !== 'string' || !isDigest(item.digest))
    throw manifestInvalid(`malformed digest in "${what}"`);
  return item.digest;
}
function stringsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = Object.entries(value).filter((e): e is [string, string] => typeof e[1] === 'string');
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
