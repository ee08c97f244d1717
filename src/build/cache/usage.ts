import type { ChainId } from '../../core/digest.ts';
import { hexOf } from '../../core/digest.ts';
import { WharfError } from '../../core/errors.ts';
import type { LayerStore } from '../../storage/index.ts';
import type { CacheEntry } from '../../core/wire/build.ts';
import type { PruneOptions } from '../contract.ts';
import type { KnownDirectories } from '../files/known-files.ts';
import type { CacheMounts } from '../solve/cache-mounts.ts';
import type { BuildCache } from './cache.ts';
import type { StepMemory } from './ingredients.ts';
import type { LayerLeases } from './leases.ts';

const NEVER = '0001-01-01T00:00:00Z';

/** Every layer and every cache mount that the cache holds, with what they take on the disk. `used`: layers that images have; they are shared. */
export async function cacheEntries(
  cache: BuildCache,
  mounts: CacheMounts,
  used: ReadonlySet<string>,
  layers: LayerStore,
): Promise<CacheEntry[]> {
  const uses = cache.uses();
  const regular: CacheEntry[] = [];
  for (const id of cache.layers()) {
    const use = uses.get(id);
    // Layers of base images are not the cache's.
    if (layers.find(id) === undefined || (use === undefined && used.has(id))) continue;
    regular.push({
      ID: hexOf(id).slice(0, 25),
      Type: 'regular',
      Description: use?.description ?? '',
      InUse: used.has(id),
      Shared: used.has(id),
      Size: await layers.diskBytes(id),
      CreatedAt: use?.createdAt ?? NEVER,
      LastUsedAt: use?.lastUsedAt ?? null,
      UsageCount: use?.count ?? 0,
    });
  }
  const cacheMounts = (await mounts.list()).map(
    (mount): CacheEntry => ({
      ID: mount.name.slice(0, 25),
      Type: 'exec.cachemount',
      Description: `cache mount ${mount.id}`,
      InUse: false,
      Shared: false,
      Size: mount.sizeBytes,
      CreatedAt: mount.createdAt.toISOString(),
      LastUsedAt: mount.usedAt.toISOString(),
      UsageCount: 1,
    }),
  );
  return [...regular, ...cacheMounts];
}

export interface PruneContext {
  readonly cache: BuildCache;
  readonly cacheMounts: CacheMounts;
  readonly leases: LayerLeases;
  readonly memory: StepMemory;
  readonly known: KnownDirectories;
  readonly layers: LayerStore;
  /** Layers that images have. */
  readonly used: ReadonlySet<string>;
  /** No build runs: cache mounts may go. */
  readonly idle: boolean;
}

/** Removes what the cache holds for itself, the longest unused first; without options all of it. Bytes are those of the disk. */
export async function pruneCache(
  { cache, cacheMounts, leases, memory, known, layers, used, idle }: PruneContext,
  options: PruneOptions,
): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
  const { unusedForSeconds, keepBytes, ids } = options;
  const isWhole = unusedForSeconds === undefined && keepBytes === undefined && ids === undefined;
  const all = (options.all ?? isWhole) && ids === undefined;
  const isMeant = (name: string) => ids === undefined || ids.has(name.slice(0, 25));
  const uses = cache.uses();
  const lastUse = (id: ChainId) => Date.parse(uses.get(id)?.lastUsedAt ?? uses.get(id)?.createdAt ?? NEVER);
  const tooOld = (time: number) => unusedForSeconds === undefined || time < Date.now() - unusedForSeconds * 1000;
  const own = cache.layers().filter((id) => !used.has(id) && layers.find(id) !== undefined);
  const mounts = idle ? await cacheMounts.list() : [];
  let total = 0;
  const bytes = new Map<ChainId, number>();
  for (const id of own) bytes.set(id, await layers.diskBytes(id));
  for (const size of bytes.values()) total += size;
  for (const mount of mounts) total += mount.sizeBytes;
  const enough = () => keepBytes !== undefined && total <= keepBytes;

  await leases.clear();
  let reclaimed = 0;
  const deleted: string[] = [];
  const gone = new Set<ChainId>();
  const candidates = own
    .filter((id) => isMeant(hexOf(id)) && tooOld(lastUse(id)))
    .toSorted((a, b) => lastUse(a) - lastUse(b));
  // A layer that others stand on can only go after them: a few rounds, until one brings nothing.
  for (let progress = true; progress && !enough(); ) {
    progress = false;
    for (const id of candidates) {
      if (layers.find(id) === undefined || enough()) continue;
      try {
        await layers.remove(id);
      } catch (e) {
        if (!(e instanceof WharfError && e.code === 'LAYER_IN_USE')) throw e;
        continue;
      }
      gone.add(id);
      deleted.push(hexOf(id).slice(0, 25));
      reclaimed += bytes.get(id) ?? 0;
      total -= bytes.get(id) ?? 0;
      progress = true;
    }
  }
  for (const mount of mounts.toSorted((a, b) => a.usedAt.getTime() - b.usedAt.getTime())) {
    if (enough() || !isMeant(mount.name) || !tooOld(mount.usedAt.getTime())) continue;
    await cacheMounts.remove(mount.name);
    deleted.push(mount.name.slice(0, 25));
    reclaimed += mount.sizeBytes;
    total -= mount.sizeBytes;
  }
  const forgotten =
    all && unusedForSeconds === undefined && keepBytes === undefined ? cache.clear() : cache.forget(gone);
  if (all) {
    memory.clear();
    known.clear();
  }
  for (const id of own) if (!gone.has(id)) await leases.keep(id).catch(() => undefined);
  if (deleted.length === 0 && forgotten.length > 0 && all)
    deleted.push(...forgotten.map((key) => hexOf(key as ChainId).slice(0, 25)));
  return { CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimed };
}
