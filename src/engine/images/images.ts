import type { Readable } from 'node:stream';
import type { ChainId, DiffId, Digest } from '../../core/digest.ts';
import { isDigest } from '../../core/digest.ts';
import type { Logger } from '../../core/log.ts';
import type { HistoryEntry, ImageConfig, ImageRunConfig } from '../../core/oci.ts';
import { hostPlatform } from '../../core/platform.ts';
import { familiar, invalidReference, parseReference, type Reference, withDefaultTag } from '../../core/reference.ts';
import type { ContainerConfig } from '../../core/wire/container.ts';
import type { ImageDeleteItem, ProgressMessage } from '../../core/wire/resources.ts';
import { digestMismatch, scratchDirectory, type Storage, unpackArchive } from '../../storage/index.ts';
import type { Containers, Events, Image, Images } from '../contract.ts';
import { type ArchivedImage, readArchive } from './archive-layout.ts';
import { Catalog } from './catalog.ts';
import { applyChanges } from './config-changes.ts';
import { badArchive, pruneRunning, reservedName } from './errors.ts';
import { ageFilter, checkFilters, flagFilter, labelsMatch, referenceMatches } from './filters.ts';
import { Holds } from './holds.ts';
import { pullImage } from './pull.ts';
import { pushImage } from './push.ts';
import { compareImages, reportLayers } from './layer-report.ts';
import { inspectRemote, searchImages, tryLogin } from './remote.ts';
import { counted } from './transfer.ts';
import { deleteImage, removeImage, removeOrphanLayers, type RemoveParts } from './remove.ts';
import { saveImages } from './save.ts';
import { historyOf, inspectOf, sharedSize, summaryOf } from './views.ts';

export interface ImagesDeps {
  readonly storage: Storage;
  readonly publish: Events['publish'];
  readonly usersOfImage: Containers['usersOfImage'];
  readonly snapshotKeyOf: (containerId: string) => string;
  /** What `docker commit` needs of a container. `pause` resolves to what ends the pause. */
  readonly containerForCommit: (ref: string) => {
    readonly id: string;
    readonly imageId: string;
    readonly config: ContainerConfig;
    pause(): Promise<() => Promise<void>>;
  };
  readonly log: Logger;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
}

/** Opens the images of a data root, and removes layers that no image and no container has. */
export async function openImages(deps: ImagesDeps): Promise<Images> {
  const catalog = new Catalog(deps.storage.db, deps.storage.layers);
  await removeOrphanLayers(catalog, deps.storage.layers);
  return new ImageService(deps, catalog);
}

class ImageService implements Images {
  readonly #deps: ImagesDeps;
  readonly #catalog: Catalog;
  readonly #holds = new Holds();
  readonly #remove: RemoveParts;
  #pruning = false;

  constructor(deps: ImagesDeps, catalog: Catalog) {
    this.#deps = deps;
    this.#catalog = catalog;
    this.#remove = {
      catalog,
      layers: deps.storage.layers,
      usersOfImage: deps.usersOfImage,
      publish: deps.publish,
      isHeld: (chainId) => this.#holds.has(chainId),
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

  async list({ all, filters, sharedSize: shared }: Parameters<Images['list']>[0]) {
    checkFilters(filters, ['dangling', 'label', 'label!', 'before', 'since', 'reference', 'until']);
    const dangling = flagFilter(filters, 'dangling');
    const fitsAge = ageFilter(this.#catalog, filters);
    const patterns = filters['reference'] ?? [];
    const everything = this.#catalog.all();
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
      rows.push(row);
    }
    return rows.sort((a, b) => b.Created - a.Created);
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
    checkFilters(filters, ['dangling', 'label', 'label!', 'until']);
    const onlyDangling = flagFilter(filters, 'dangling') ?? true;
    const fitsAge = ageFilter(this.#catalog, filters);
    if (this.#pruning) throw pruneRunning({});
    this.#pruning = true;
    try {
      const before = this.#diskBytes();
      const items: ImageDeleteItem[] = [];
      for (const image of this.#catalog.all()) {
        if (this.#catalog.childrenOf(image.id).length > 0 || this.#deps.usersOfImage(image.id).length > 0) continue;
        if (onlyDangling && this.#catalog.names(image.id).length > 0) continue;
        if (!labelsMatch(image.config.config?.Labels, filters) || !fitsAge(image)) continue;
        await deleteImage(this.#remove, image.id, items, { force: true, prune: true, quiet: true });
      }
      const SpaceReclaimed = Math.max(0, before - this.#diskBytes());
      this.#deps.publish({ type: 'image', action: 'prune', id: '', attributes: { reclaimed: String(SpaceReclaimed) } });
      return { ImagesDeleted: items.length === 0 ? null : items, SpaceReclaimed };
    } finally {
      this.#pruning = false;
    }
  }

  async load(
    tar: Readable,
    { quiet }: { readonly quiet: boolean },
    onMessage: (m: ProgressMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await using scratch = scratchDirectory(this.#deps.storage);
    await unpackArchive(tar, scratch.path, signal);
    for (const archived of readArchive(scratch.path)) {
      const image = await this.#loadOne(archived, quiet ? () => undefined : onMessage, signal);
      const names = archived.names.map(tagReference);
      for (const name of names) {
        const before = this.#tag(name, image.id);
        if (before !== undefined && this.#catalog.names(before).length === 0) {
          const text = `The image ${familiar(name)} already exists, renaming the old one with ID ${before} to empty string\n`;
          onMessage({ stream: text });
        }
        onMessage({ stream: `Loaded image: ${familiar(name)}\n` });
      }
      if (names.length === 0) onMessage({ stream: `Loaded image ID: ${image.id}\n` });
      this.#deps.publish({ type: 'image', action: 'load', id: image.id, attributes: { name: image.id } });
    }
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
      return image ? [{ image, configText: this.#catalog.configText(id), names: [...names.values()] }] : [];
    });
    for (const { image } of saved)
      this.#deps.publish({ type: 'image', action: 'save', id: image.id, attributes: { name: image.id } });
    return saveImages(saved, this.#deps.storage.layers);
  }

  async import(tar: Readable, request: Parameters<Images['import']>[1], signal: AbortSignal): Promise<Digest> {
    const { repository, tag, changes } = request;
    const name = repository === '' ? undefined : tagReference(tag === '' ? repository : `${repository}:${tag}`);
    const config = applyChanges({}, changes);
    using hold = this.#holds.open();
    const layer = await this.#deps.storage.layers.apply(null, tar, { signal });
    hold.add(layer.chainId);
    const created = new Date().toISOString();
    const comment = request.message === '' ? 'Imported from -' : request.message;
    const { os, architecture } = hostPlatform();
    const document: ImageConfig = {
      created,
      architecture,
      os,
      config,
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, comment }],
    };
    const { id } = this.#register(JSON.stringify(document), [layer.chainId]);
    if (name) this.#tag(name, id);
    this.#deps.publish({ type: 'image', action: 'import', id, attributes: { name: name ? familiar(name) : id } });
    return id;
  }

  pull(...[reference, options, onMessage, signal]: Parameters<Images['pull']>): Promise<void> {
    return pullImage(
      {
        ...this.#transferParts(),
        register: (text, chain) => this.#catalog.add(text, { chain }),
        tag: (name, id) => void this.#tag(name, id),
      },
      { reference, ...options },
      onMessage,
      signal,
    );
  }

  push(...[name, options, onMessage, signal]: Parameters<Images['push']>): Promise<void> {
    return pushImage(this.#transferParts(), { name, ...options }, onMessage, signal);
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
  tryLogin(...[auth, signal]: Parameters<Images['tryLogin']>) {
    return tryLogin(this.#deps, auth, signal);
  }
  search(...[request, signal]: Parameters<Images['search']>) {
    return searchImages(this.#deps, request, signal);
  }

  async commit(request: Parameters<Images['commit']>[0]): Promise<Digest> {
    const { repository, tag, comment, author } = request;
    const name = repository === '' ? undefined : tagReference(tag === '' ? repository : `${repository}:${tag}`);
    const container = this.#deps.containerForCommit(request.container);
    const base = isDigest(container.imageId) ? this.#catalog.byId(container.imageId) : undefined;
    const config = applyChanges(runConfigOf({ ...container.config, ...request.config }), request.changes);
    const chain = base?.chain ?? [];
    using hold = this.#holds.open();
    for (const chainId of chain) hold.add(chainId);
    const resume = request.pause ? await container.pause() : undefined;
    let layer: { readonly chainId: ChainId; readonly diffId: DiffId } | undefined;
    try {
      const { snapshots, layers } = this.#deps.storage;
      const key = this.#deps.snapshotKeyOf(container.id);
      if ((await snapshots.changes(key)).length > 0) {
        layer = await layers.apply(chain.at(-1) ?? null, await snapshots.tarOfChanges(key));
        hold.add(layer.chainId);
      }
    } finally {
      await resume?.();
    }
    const created = new Date().toISOString();
    const history: HistoryEntry = {
      created,
      ...(author !== '' && { author }),
      created_by: [...(container.config.Entrypoint ?? []), ...(container.config.Cmd ?? [])].join(' '),
      ...(comment !== '' && { comment }),
      ...(layer === undefined && { empty_layer: true }),
    };
    const document: ImageConfig = {
      created,
      ...(author !== '' && { author }),
      architecture: base?.config.architecture ?? hostPlatform().architecture,
      os: base?.config.os ?? 'linux',
      ...(base?.config.variant !== undefined && { variant: base.config.variant }),
      config,
      rootfs: { type: 'layers', diff_ids: [...(base?.config.rootfs.diff_ids ?? []), ...(layer ? [layer.diffId] : [])] },
      history: [...(base?.config.history ?? []), history],
    };
    const image = this.#register(JSON.stringify(document), layer ? [...chain, layer.chainId] : chain, base?.id);
    if (name) this.#tag(name, image.id);
    return image.id;
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

  async #loadOne(
    archived: ArchivedImage,
    onMessage: (m: ProgressMessage) => void,
    signal: AbortSignal,
  ): Promise<Image> {
    using hold = this.#holds.open();
    const chain: ChainId[] = [];
    for (const [i, file] of archived.layers.entries()) {
      const diffId = archived.config.rootfs.diff_ids[i] ?? '';
      if (!isDigest(diffId)) throw badArchive({ why: `invalid archive: malformed diffID "${diffId}"` });
      const id = diffId.slice('sha256:'.length, 'sha256:'.length + 12);
      try {
        const layer = await this.#applyLayer(
          chain.at(-1) ?? null,
          counted(file.open(), (current) =>
            onMessage({ id, status: 'Loading layer', progressDetail: { current, total: file.sizeBytes } }),
          ),
          diffId as DiffId,
          signal,
        );
        hold.add(layer);
        chain.push(layer);
      } catch (e) {
        if (!digestMismatch.is(e)) throw e;
        const got = /got (\S+)/.exec(e.message)?.[1] ?? '';
        throw badArchive({ why: `invalid diffID for layer ${i}: expected "${diffId}", got "${got}"` }, { cause: e });
      }
    }
    return this.#catalog.add(archived.configText, { chain });
  }

  async #applyLayer(
    parent: ChainId | null,
    tar: AsyncIterable<Uint8Array>,
    expect: DiffId,
    signal: AbortSignal,
  ): Promise<ChainId> {
    return (await this.#deps.storage.layers.apply(parent, tar, { expect, signal })).chainId;
  }

  #transferParts() {
    const { storage, log, insecureRegistries, registryMirrors, publish } = this.#deps;
    return {
      storage,
      catalog: this.#catalog,
      holds: this.#holds,
      log,
      insecureRegistries,
      registryMirrors,
      publish,
    };
  }

  #diskBytes(): number {
    return this.#deps.storage.layers.list().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
}

/** A name to give: `latest` if it has no tag. @throws {WharfError} `INVALID_REFERENCE`, `RESERVED_NAME` */
function tagReference(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined)
    throw invalidReference({ text, why: 'refusing to create a tag with a digest reference' });
  if (familiar({ ...reference, tag: undefined }) === 'scratch') throw reservedName({ name: 'scratch' });
  return withDefaultTag(reference);
}

function sameRepository(a: Reference, b: Reference): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}

/** The part of a container's config that an image keeps. */
function runConfigOf(config: ContainerConfig): ImageRunConfig {
  const {
    Hostname: _h,
    Domainname: _d,
    AttachStdin: _i,
    AttachStdout: _o,
    AttachStderr: _e,
    Tty: _t,
    OpenStdin: _s,
    StdinOnce: _1,
    Image: _m,
    NetworkDisabled: _n,
    MacAddress: _a,
    StopTimeout: _p,
    ...run
  } = config;
  return run;
}
