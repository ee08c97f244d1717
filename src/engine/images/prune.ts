import type { ImageDeleteItem } from '../../core/wire/resources.ts';
import type { Filters } from '../contract.ts';
import { ageFilter, checkFilters, flagFilter, labelsMatch } from './filters.ts';
import { deleteImage, removeOrphanLayers, type RemoveParts } from './remove.ts';

/** `docker image prune`: images without a name, or (`dangling=false`) all that no container has. */
export async function pruneImages(parts: RemoveParts, filters: Filters) {
  checkFilters(filters, ['dangling', 'label', 'label!', 'until']);
  const { catalog } = parts;
  const onlyDangling = flagFilter(filters, 'dangling') ?? true;
  const fitsAge = ageFilter(catalog, filters);
  const before = diskBytes(parts);
  const items: ImageDeleteItem[] = [];
  for (const image of catalog.all()) {
    if (catalog.childrenOf(image.id).length > 0 || parts.usersOfImage(image.id).length > 0) continue;
    if (onlyDangling && catalog.names(image.id).length > 0) continue;
    if (!labelsMatch(image.config.config?.Labels, filters) || !fitsAge(image)) continue;
    await deleteImage(parts, image.id, items, { force: true, prune: true, quiet: true });
  }
  await removeOrphanLayers(parts);
  const SpaceReclaimed = Math.max(0, before - diskBytes(parts));
  parts.publish({ type: 'image', action: 'prune', id: '', attributes: { reclaimed: String(SpaceReclaimed) } });
  return { ImagesDeleted: items.length === 0 ? null : items, SpaceReclaimed };
}

function diskBytes({ layers }: RemoveParts): number {
  return layers.list().reduce((sum, { sizeBytes, blob }) => sum + sizeBytes + (blob?.sizeBytes ?? 0), 0);
}
