import { type ChainId, type Digest, isDigest, sha256 } from '../../core/digest.ts';
import { isId } from '../../core/ids.ts';
import type { ImageConfig } from '../../core/oci.ts';
import { canonical, familiar, parseReference, type Reference, withDefaultTag } from '../../core/reference.ts';
import type { Collection, Database, LayerStore } from '../../storage/index.ts';
import type { Image } from '../contract.ts';
import { imageNotFound } from './errors.ts';
import { Manifests } from './manifests.ts';

interface ImageRecord {
  /** The config blob's text: its digest is the ID, so never written anew. */
  readonly config: string;
  readonly chain: readonly ChainId[];
  readonly parent?: Digest;
  readonly lastTagged?: string;
}

/** One name of an image, and the image. */
export interface ImageName {
  readonly reference: Reference;
  readonly id: Digest;
}

/** An image that somebody was told of is there after a power cut too. */
const DURABLE = { durable: true };

/** Which images there are, and what they are called: in memory, written through to the database. Knows nothing of containers. */
export class Catalog {
  readonly manifests: Manifests;
  readonly #db: Database;
  readonly #layers: LayerStore;
  readonly #images: Collection<ImageRecord>;
  readonly #names: Collection<{ readonly id: Digest }>;
  readonly #recordOf = new Map<Digest, ImageRecord>();
  readonly #nameOf = new Map<string, ImageName>();
  readonly #cache = new Map<Digest, Image>();

  constructor(db: Database, layers: LayerStore) {
    this.#db = db;
    this.#layers = layers;
    this.manifests = new Manifests(db);
    this.#images = db.collection('images');
    this.#names = db.collection('image-names');
    for (const [id, record] of this.#images.entries()) this.#recordOf.set(id as Digest, record);
    for (const [text, { id }] of this.#names.entries()) this.#nameOf.set(text, { reference: parseReference(text), id });
  }

  all(): Image[] {
    return [...this.#recordOf.keys()].flatMap((id) => this.byId(id) ?? []);
  }

  byId(id: Digest): Image | undefined {
    const cached = this.#cache.get(id);
    if (cached) return cached;
    const record = this.#recordOf.get(id);
    if (!record) return undefined;
    const image: Image = {
      id,
      config: JSON.parse(record.config) as ImageConfig,
      chain: record.chain,
      sizeBytes: record.chain.reduce((sum, chainId) => sum + (this.#layers.find(chainId)?.sizeBytes ?? 0), 0),
    };
    this.#cache.set(id, image);
    return image;
  }

  /** The bytes whose digest is the ID. */
  configText(id: Digest): string {
    return this.#recordOf.get(id)?.config ?? '';
  }
  parentOf(id: Digest): Digest | undefined {
    return this.#recordOf.get(id)?.parent;
  }
  lastTagged(id: Digest): string | undefined {
    return this.#recordOf.get(id)?.lastTagged;
  }
  childrenOf(id: Digest): Digest[] {
    return [...this.#recordOf].flatMap(([child, { parent }]) => (parent === id ? [child] : []));
  }

  /** Names of one image, or of all: tags first, then digests, in order of their letters. */
  names(id?: Digest): ImageName[] {
    return [...this.#nameOf.values()]
      .filter((name) => id === undefined || name.id === id)
      .sort((a, b) => (sortKey(a.reference) < sortKey(b.reference) ? -1 : 1));
  }
  named(reference: Reference): Digest | undefined {
    return this.#nameOf.get(nameKey(reference))?.id;
  }

  /** By name (a digest wins over a tag), full ID, or a prefix that only one image has. */
  find(text: string): Image | undefined {
    return this.#lookUp(text).image;
  }

  /** @throws {WharfError} `IMAGE_NOT_FOUND`, `INVALID_REFERENCE` */
  get(text: string): Image {
    const { image, shown } = this.#lookUp(text);
    if (!image) throw imageNotFound({ ref: shown });
    return image;
  }

  /** Whether `text` means the image by its ID and not by one of its names. */
  isIdOf(text: string, id: Digest): boolean {
    const hex = text.replace(/^sha256:/, '');
    if (!/^[a-f0-9]{1,64}$/.test(hex) || !id.startsWith(`sha256:${hex}`)) return false;
    return isId(hex) || text.startsWith('sha256:') || this.named(withDefaultTag(parseReference(text))) === undefined;
  }

  add(text: string, image: { readonly chain: readonly ChainId[]; readonly parent?: Digest | undefined }): Image {
    const id = sha256(text);
    if (!this.#recordOf.has(id)) {
      const parent = image.parent === undefined || image.parent === id ? {} : { parent: image.parent };
      this.#db.transaction(() => this.#put(id, { config: text, chain: image.chain, ...parent }), DURABLE);
    }
    return this.get(id);
  }

  /** Gives the image that had the name until now, if that was another one. */
  name(reference: Reference, id: Digest): Digest | undefined {
    const before = this.named(reference);
    const key = nameKey(reference);
    this.#db.transaction(() => {
      this.#names.put(key, { id });
      const record = this.#recordOf.get(id);
      if (record && reference.digest === undefined) this.#put(id, { ...record, lastTagged: new Date().toISOString() });
    }, DURABLE);
    this.#nameOf.set(key, { reference: parseReference(key), id });
    return before === id ? undefined : before;
  }
  unname(reference: Reference): void {
    this.#db.transaction(() => this.#names.delete(nameKey(reference)), DURABLE);
    this.#nameOf.delete(nameKey(reference));
  }

  delete(id: Digest): void {
    this.#db.transaction(() => {
      for (const { reference } of this.names(id)) this.unname(reference);
      this.#images.delete(id);
      this.manifests.forget(id);
    }, DURABLE);
    this.#recordOf.delete(id);
    this.#cache.delete(id);
  }

  #put(id: Digest, record: ImageRecord): void {
    this.#images.put(id, record);
    this.#recordOf.set(id, record);
  }

  #lookUp(text: string): { readonly image: Image | undefined; readonly shown: string } {
    if (isDigest(text)) return { image: this.byId(text), shown: text };
    if (isId(text)) return { image: this.byId(`sha256:${text}` as Digest), shown: `sha256:${text}` };
    const prefix = /^(?:sha256:)?([a-f0-9]{1,63})$/.exec(text)?.[1];
    if (text.startsWith('sha256:') && prefix !== undefined) return { image: this.#byPrefix(prefix), shown: text };
    const reference = withDefaultTag(parseReference(text));
    const id = this.named(reference) ?? (reference.digest !== undefined ? this.byId(reference.digest)?.id : undefined);
    const named = id === undefined ? undefined : this.byId(id);
    return { image: named ?? (prefix === undefined ? undefined : this.#byPrefix(prefix)), shown: familiar(reference) };
  }

  #byPrefix(hex: string): Image | undefined {
    const found = [...this.#recordOf.keys()].filter((id) => id.startsWith(`sha256:${hex}`));
    const only = found.length === 1 ? found[0] : undefined;
    return only === undefined ? undefined : this.byId(only);
  }
}

/** A name is kept by tag or by digest, never by both: what has a digest is that digest. */
function nameKey(reference: Reference): string {
  return canonical(reference.digest === undefined ? withDefaultTag(reference) : { ...reference, tag: undefined });
}
function sortKey(reference: Reference): string {
  return `${reference.digest === undefined ? 0 : 1}${familiar(reference)}`;
}
