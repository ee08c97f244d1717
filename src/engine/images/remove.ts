import type { ChainId, Digest } from '../../core/digest.ts';
import { shortId } from '../../core/ids.ts';
import { familiar, familiarName, parseReference, type Reference, withDefaultTag } from '../../core/reference.ts';
import type { ImageDeleteItem } from '../../core/wire/resources.ts';
import { layerInUse, type LayerStore } from '../../storage/index.ts';
import type { Containers, Events } from '../contract.ts';
import type { Catalog } from './catalog.ts';
import { imageInUse, imageReferenceInUse } from './errors.ts';

export interface RemoveParts {
  readonly catalog: Catalog;
  readonly layers: LayerStore;
  readonly usersOfImage: Containers['usersOfImage'];
  readonly publish: Events['publish'];
  /** Layers that an operation in progress counts on. */
  readonly isHeld: (chainId: ChainId) => boolean;
}

/**
 * `docker rmi`. A name is taken off; when it was the last one, the image goes too, with its layers and (if `prune`) its untagged
 * parents, as far as nothing stands on them. An ID removes the image with all its names, if they are in one repository.
 * @throws {WharfError} `IMAGE_NOT_FOUND`, `IMAGE_IN_USE`, `IMAGE_REFERENCE_IN_USE`
 */
export async function removeImage(
  parts: RemoveParts,
  text: string,
  options: { readonly force: boolean; readonly prune: boolean },
): Promise<ImageDeleteItem[]> {
  const { catalog } = parts;
  const { id } = catalog.get(text);
  const items: ImageDeleteItem[] = [];
  const names = references(catalog, id);
  if (catalog.isIdOf(text, id)) {
    if (isSingleRepository(names)) {
      checkConflicts(parts, id, { soft: !options.force, references: false });
      for (const reference of names) untag(parts, reference, id, items);
    }
    await deleteImage(parts, id, items, { ...options, quiet: false });
    return items;
  }

  const reference = withDefaultTag(parseReference(text));
  if (!options.force && isSingleRepository(names)) {
    const [user] = parts.usersOfImage(id);
    if (user) {
      throw imageReferenceInUse({ ref: text, container: shortId(user.id), id: shortId(id) });
    }
  }
  untag(parts, reference, id, items);
  const left = references(catalog, id);
  // The last tag of a repository takes the repository's digests with it.
  if (reference.digest === undefined) {
    const same = left.filter((other) => familiarName(other) === familiarName(reference));
    if (same.every((other) => other.digest !== undefined)) for (const other of same) untag(parts, other, id, items);
  }
  if (references(catalog, id).length === 0) await deleteImage(parts, id, items, { ...options, quiet: true });
  return items;
}

/** Deletes an image with its names. `quiet`: one that is in use is left, without an error. */
export async function deleteImage(
  parts: RemoveParts,
  id: Digest,
  items: ImageDeleteItem[],
  options: { readonly force: boolean; readonly prune: boolean; readonly quiet: boolean },
): Promise<void> {
  const { catalog } = parts;
  try {
    checkConflicts(parts, id, { soft: !options.force, references: true });
  } catch (e) {
    if (options.quiet && imageInUse.is(e)) return;
    throw e;
  }
  const image = catalog.byId(id);
  if (!image) return;
  const parent = catalog.parentOf(id);
  for (const reference of references(catalog, id)) untag(parts, reference, id, items);
  catalog.delete(id);
  parts.publish({ type: 'image', action: 'delete', id, attributes: { name: id } });
  items.push({ Deleted: id });
  for (const chainId of await removeLayers(parts, image.chain)) items.push({ Deleted: chainId });
  if (!options.prune || parent === undefined || !catalog.byId(parent)) return;
  await deleteImage(parts, parent, items, { force: false, prune: true, quiet: true });
}

/** Removes layers from the top down, until one is needed by an image, a snapshot or another layer; those that are not there are passed over. */
export async function removeLayers(
  { catalog, layers, isHeld }: Pick<RemoveParts, 'catalog' | 'layers' | 'isHeld'>,
  chain: readonly ChainId[],
): Promise<ChainId[]> {
  const needed = new Set(catalog.all().flatMap((image) => image.chain));
  const removed: ChainId[] = [];
  for (const chainId of chain.toReversed()) {
    if (needed.has(chainId) || isHeld(chainId)) break;
    try {
      await layers.remove(chainId);
    } catch (e) {
      if (layerInUse.is(e)) break;
      throw e;
    }
    removed.push(chainId);
  }
  return removed;
}

/** Removes layers of no image on which nothing stands: left when an image went before its last container did. */
export async function removeOrphanLayers({
  catalog,
  layers,
  isHeld,
}: Pick<RemoveParts, 'catalog' | 'layers' | 'isHeld'>): Promise<void> {
  const needed = new Set(catalog.all().flatMap((image) => image.chain));
  for (let again = true; again; ) {
    again = false;
    for (const { chainId } of layers.list()) {
      if (needed.has(chainId) || isHeld(chainId)) continue;
      try {
        await layers.remove(chainId);
        again = true;
      } catch (e) {
        if (!layerInUse.is(e)) throw e;
      }
    }
  }
}

function references(catalog: Catalog, id: Digest): Reference[] {
  return catalog.names(id).map(({ reference }) => reference);
}

function untag({ catalog, publish }: RemoveParts, reference: Reference, id: Digest, items: ImageDeleteItem[]): void {
  catalog.unname(reference);
  publish({ type: 'image', action: 'untag', id, attributes: { name: id } });
  items.push({ Untagged: familiar(reference) });
}

/** At most one tag, and all else digests of the same repository. */
function isSingleRepository(names: readonly Reference[]): boolean {
  if (names.length <= 1) return true;
  const tags = names.filter(({ digest }) => digest === undefined);
  return tags.length <= 1 && new Set(names.map(familiarName)).size === 1;
}

function checkConflicts(
  { catalog, usersOfImage }: RemoveParts,
  id: Digest,
  check: { readonly soft: boolean; readonly references: boolean },
): void {
  const fail = (forced: 'must be forced' | 'cannot be forced', why: string) =>
    imageInUse({ id: shortId(id), forced, why });
  if (catalog.childrenOf(id).length > 0) throw fail('cannot be forced', 'image has dependent child images');
  const users = usersOfImage(id);
  const running = users.find((user) => user.running);
  if (running) throw fail('cannot be forced', `image is being used by running container ${shortId(running.id)}`);
  if (!check.soft) return;
  if (check.references && references(catalog, id).length > 0) {
    throw fail('must be forced', 'image is referenced in multiple repositories');
  }
  const [stopped] = users;
  if (stopped) throw fail('must be forced', `image is being used by stopped container ${shortId(stopped.id)}`);
}
