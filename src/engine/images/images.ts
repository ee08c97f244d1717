import type { Readable } from 'node:stream';
import type { ChainId, Digest } from '../../core/digest.ts';
import type { Logger } from '../../core/log.ts';
import { familiar, parseReference, type Reference } from '../../core/reference.ts';
import type { ImageDeleteItem, ImageManifestSummary } from '../../core/wire/resources.ts';
import { connectRegistry } from '../../registry/index.ts';
import type { Storage } from '../../storage/index.ts';
import type { Containers, Events, Image, Images, Transfers } from '../contract.ts';
import { Arrivals } from './arrivals.ts';
import { Catalog } from './catalog.ts';
import { commitContainer, type CommittedContainer } from './commit.ts';
import { pruneRunning } from './errors.ts';
import { ageFilter, checkFilters, flagFilter, labelsMatch, referenceMatches } from './filters.ts';
import { Holds } from './holds.ts';
import { importImage } from './import-image.ts';
import { compareImages, reportLayers } from './layer-report.ts';
import { loadArchive } from './load.ts';
import { manifestSummary } from './manifest-summary.ts';
import { sameRepository, tagReference } from './names.ts';
import { pruneImages } from './prune.ts';
import { pullImage } from './pull.ts';
import { pushImage } from './push.ts';
import { pushIndex } from './push-index.ts';
import { inspectRemote, searchImages, tryLogin } from './remote.ts';
import { removeImage, removeLayers, removeOrphanLayers, type RemoveParts } from './remove.ts';
import { saveImages } from './save.ts';
import type { MakeParts, PullParts } from './transfer.ts';
import { createdMs, historyOf, inspectOf, sharedSize, summaryOf } from './views.ts';

export interface ImagesDeps {
  readonly storage: Storage;
  readonly publish: Events['publish'];
  readonly usersOfImage: Containers['usersOfImage'];
  readonly snapshotKeyOf: (containerId: string) => string;
  readonly containerForCommit: (ref: string) => CommittedContainer;
  readonly log: Logger;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly transfers: Transfers;
}

/** Opens the images of a data root, and removes layers that no image and no container has. */
export async function openImages(deps: ImagesDeps): Promise<Images> {
  const catalog = new Catalog(deps.storage.db, deps.storage.layers);
  await removeOrphanLayers({ catalog, layers: deps.storage.layers, isHeld: () => false });
  return new ImageService(deps, catalog);
}

class ImageService implements Images {
  readonly #deps: ImagesDeps;
  readonly #catalog: Catalog;
  readonly #parts: MakeParts & PullParts;
  readonly #remove: RemoveParts;
  #pruning = false;

  constructor(deps: ImagesDeps, catalog: Catalog) {
    this.#deps = deps;
    this.#catalog = catalog;
    const { storage, publish, log, usersOfImage } = deps;
    const holds = new Holds();
    this.#remove = { catalog, layers: storage.layers, usersOfImage, publish, isHeld: (chainId) => holds.has(chainId) };
    this.#parts = {
      storage,
      catalog,
      holds,
      arrivals: new Arrivals(),
      log,
      transfers: deps.transfers,
      publish,
      release: async (chain) => void (await removeLayers(this.#remove, chain)),
      register: (text, chain) => catalog.add(text, { chain }),
      make: (text, chain, parent) => this.#register(text, chain, parent),
      tag: (name, id) => this.#tag(name, id),
    };
  }

  get(ref: string): Image {
    return this.#catalog.get(ref);
  }
  find(ref: string): Image | undefined {
    return this.#catalog.find(ref);
  }

  async create(image: Parameters<Images['create']>[0]): Promise<Image> {
    const tags = (image.tags ?? []).map(tagReference);
    const made = this.#register(JSON.stringify(image.config), image.chain, image.parent);
    for (const tag of tags) this.#tag(tag, made.id);
    return made;
  }

  async list({ all, filters, sharedSize: shared, manifests }: Parameters<Images['list']>[0]) {
    checkFilters(filters, ['dangling', 'label', 'label!', 'before', 'since', 'reference', 'until']);
    const dangling = flagFilter(filters, 'dangling');
    const fitsAge = ageFilter(this.#catalog, filters);
    const patterns = filters['reference'] ?? [];
    // The latest first; within a second too, which the answer does not tell any more.
    const everything = this.#catalog.all().sort((a, b) => createdMs(b) - createdMs(a));
    const rows = [];
    for (const image of everything) {
      const names = this.#catalog.names(image.id);
      const isDangling = names.length === 0 && this.#catalog.childrenOf(image.id).length === 0;
      if (dangling !== undefined && isDangling !== dangling) continue;
      if (!all && names.length === 0 && !isDangling) continue;
      if (!labelsMatch(image.config.config?.Labels, filters) || !fitsAge(image)) continue;
      const row = summaryOf(this.#catalog, image);
      if (patterns.length > 0) {
        const fits = names.filter(({ reference }) => patterns.some((p) => referenceMatches(reference, p)));
        if (fits.length === 0) continue;
        const shown = new Set(fits.map(({ reference }) => familiar(reference)));
        row.RepoTags = row.RepoTags.filter((tag) => shown.has(tag));
        row.RepoDigests = row.RepoDigests.filter((digest) => shown.has(digest));
      }
      if (shared) row.SharedSize = sharedSize(image, everything, this.#deps.storage.layers);
      if (manifests) row.Manifests = [this.#manifestOf(image)];
      rows.push(row);
    }
    return rows;
  }

  #manifestOf(image: Image): ImageManifestSummary {
    const containers = this.#deps.usersOfImage(image.id).map(({ id }) => id);
    return manifestSummary(this.#catalog, this.#deps.storage.layers, image, containers);
  }

  async inspect(ref: string) {
    return inspectOf(this.#catalog, this.#deps.storage.layers, this.get(ref));
  }
  async history(ref: string) {
    return historyOf(this.#catalog, this.#deps.storage.layers, this.get(ref));
  }

  async tag(ref: string, repository: string, tag: string): Promise<void> {
    const image = this.get(ref);
    this.#tag(tagReference(tag === '' ? repository : `${repository}:${tag}`), image.id);
  }

  async remove(
    ref: string,
    options: { readonly force: boolean; readonly noPrune: boolean },
  ): Promise<ImageDeleteItem[]> {
    return removeImage(this.#remove, ref, { force: options.force, prune: !options.noPrune });
  }

  async prune(filters: Parameters<Images['prune']>[0]) {
    if (this.#pruning) throw pruneRunning({});
    this.#pruning = true;
    try {
      return await pruneImages(this.#remove, filters);
    } finally {
      this.#pruning = false;
    }
  }

  load(...[tar, options, onMessage, signal]: Parameters<Images['load']>): Promise<void> {
    return loadArchive(this.#parts, tar, options, onMessage, signal);
  }

  async save(refs: readonly string[]): Promise<Readable> {
    const wanted = new Map<Digest, Map<string, Reference>>();
    const want = (id: Digest, name?: Reference): void => {
      const names = wanted.get(id) ?? new Map<string, Reference>();
      if (name) names.set(familiar(name), name);
      wanted.set(id, names);
    };
    for (const ref of refs) {
      const reference = /^(sha256:)?[a-f0-9]{64}$/.test(ref) ? undefined : parseReference(ref);
      // A bare name means all tags of the repository.
      const bare = reference !== undefined && reference.tag === undefined && reference.digest === undefined;
      const all = bare
        ? this.#catalog.names().filter(({ reference: r }) => r.digest === undefined && sameRepository(r, reference))
        : [];
      for (const { reference: name, id } of all) want(id, name);
      if (all.length > 0) continue;
      const { id } = this.get(ref);
      want(id, reference?.tag !== undefined && this.#catalog.named(reference) === id ? reference : undefined);
    }
    const saved = [...wanted].flatMap(([id, names]) => {
      const image = this.#catalog.byId(id);
      return image ? [{ image, names: [...names.values()] }] : [];
    });
    for (const { image } of saved)
      this.#deps.publish({ type: 'image', action: 'save', id: image.id, attributes: { name: image.id } });
    return saveImages(this.#catalog, this.#deps.storage.layers, saved);
  }

  import(...[tar, request, signal]: Parameters<Images['import']>): Promise<Digest> {
    return importImage(this.#parts, tar, request, signal);
  }
  pull(...[reference, options, onMessage, signal]: Parameters<Images['pull']>): Promise<void> {
    return pullImage({ ...this.#parts, ...this.#registries() }, { reference, ...options }, onMessage, signal);
  }
  push(...[name, options, onMessage, signal]: Parameters<Images['push']>): Promise<void> {
    return pushImage({ ...this.#parts, ...this.#registries() }, { name, ...options }, onMessage, signal);
  }

  layers(ref: string) {
    return reportLayers(this.#deps.storage.layers, this.get(ref));
  }
  diff(ref: string, other: string) {
    return compareImages(this.#deps.storage.layers, this.get(ref), this.get(other));
  }
  inspectRemote(...[name, auth, signal]: Parameters<Images['inspectRemote']>) {
    return inspectRemote(this.#deps, name, auth, signal);
  }
  configText(ref: string): string {
    return this.#catalog.configText(this.get(ref).id);
  }
  connect(...[{ registry, repository }, { auth, push }, signal]: Parameters<Images['connect']>) {
    const actions = push ? 'pull,push' : 'pull';
    return connectRegistry(registry, repository, { ...this.#registries(), auth, actions, signal });
  }
  pushIndex(...[request, signal]: Parameters<Images['pushIndex']>) {
    return pushIndex(this.#deps, request, signal);
  }
  tryLogin(...[auth, signal]: Parameters<Images['tryLogin']>) {
    return tryLogin(this.#deps, auth, signal);
  }
  search(...[request, signal]: Parameters<Images['search']>) {
    return searchImages(this.#deps, request, signal);
  }

  async commit(request: Parameters<Images['commit']>[0]): Promise<Digest> {
    const { containerForCommit, snapshotKeyOf } = this.#deps;
    return commitContainer({ ...this.#parts, snapshotKeyOf }, containerForCommit(request.container), request);
  }

  #register(configText: string, chain: readonly ChainId[], parent?: Digest): Image {
    const image = this.#catalog.add(configText, { chain, parent });
    this.#deps.publish({ type: 'image', action: 'create', id: image.id, attributes: { name: image.id } });
    return image;
  }

  /** Gives the image that had the tag until now. */
  #tag(reference: Reference, id: Digest): Digest | undefined {
    const before = this.#catalog.name(reference, id);
    this.#deps.publish({ type: 'image', action: 'tag', id, attributes: { name: familiar(reference) } });
    return before;
  }

  #registries() {
    const { insecureRegistries, registryMirrors } = this.#deps;
    return { insecureRegistries, registryMirrors };
  }
}
