import { join } from 'node:path';
import type { ChainId } from '../../core/digest.ts';
import { invalidParameter } from '../../core/errors.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { ImageSummary, VolumeResource } from '../../core/wire/resources.ts';
import { diskUsageOf } from '../../storage/index.ts';
import type { SystemDependencies } from './dependencies.ts';

const TYPES = ['container', 'image', 'volume', 'build-cache'];

/**
 * What containers, images and volumes take on disk, in bytes and as `du` counts: so that the parts add up to what is gone from
 * the disk. (`images` and `ps -s` tell lengths of files.) No type: all of them; types not asked for are `null`.
 * @throws {WharfError} `INVALID_PARAMETER` at an unknown type
 */
export async function diskUsage(
  dependencies: SystemDependencies,
  types: readonly string[],
): Promise<Record<string, unknown>> {
  for (const type of types)
    if (!TYPES.includes(type)) throw invalidParameter({ message: `unknown object type: ${type}` });
  const wants = (type: string) => types.length === 0 || types.includes(type);
  const [images, containerRows, volumeRows] = await Promise.all([
    wants('image') ? imageUsage(dependencies) : null,
    wants('container') ? containerUsage(dependencies) : null,
    wants('volume') ? volumeUsage(dependencies) : null,
  ]);
  return {
    LayersSize: images?.layersSize ?? 0,
    Images: images?.rows ?? null,
    Containers: containerRows,
    Volumes: volumeRows,
    BuildCache: wants('build-cache') ? [] : null,
  };
}

/** Layers that only the build cache has are not the images'. */
async function imageUsage({ options, images, containers }: SystemDependencies) {
  const { layers, snapshots } = options.storage;
  const bytes = new Map<ChainId, number>();
  const measure = async (chain: readonly ChainId[]): Promise<void> => {
    for (const id of chain) if (!bytes.has(id) && layers.find(id)) bytes.set(id, await layers.diskBytes(id));
  };
  const sum = (ids: Iterable<ChainId>): number => [...ids].reduce((n, id) => n + (bytes.get(id) ?? 0), 0);
  const chainOf = (id: string): readonly ChainId[] => images.find(id)?.chain ?? [];

  const shown = await images.list({ all: false, filters: {}, sharedSize: false });
  const holders = new Map<ChainId, number>();
  for (const { Id } of shown) {
    const chain = chainOf(Id);
    await measure(chain);
    for (const id of new Set(chain)) holders.set(id, (holders.get(id) ?? 0) + 1);
  }
  const rows = shown.map((row): ImageSummary => {
    const chain = new Set(chainOf(row.Id));
    return {
      ...row,
      Size: sum(chain),
      SharedSize: sum([...chain].filter((id) => (holders.get(id) ?? 0) > 1)),
      Containers: containers.usersOfImage(row.Id).length,
    };
  });
  // An image may be gone and a container of it not.
  const parentOf = new Map(snapshots.list().map(({ key, parent }) => [key, parent]));
  for (const { Id } of await containers.list({ all: true, size: false, filters: {} })) {
    for (let at = parentOf.get(Id) ?? null; at !== null; at = layers.find(at)?.parent ?? null) await measure([at]);
  }
  return { rows, layersSize: sum(bytes.keys()) };
}

/** A container's changes, and its logs and files of its own. */
async function containerUsage({ options, containers }: SystemDependencies): Promise<ContainerSummary[]> {
  const rows = await containers.list({ all: true, size: true, filters: {} });
  return await Promise.all(
    rows.map(async (row) => {
      const { snapshots } = options.storage;
      const changes = snapshots.has(row.Id) ? await snapshots.diskBytes(row.Id) : 0;
      return { ...row, SizeRw: changes + (await diskUsageOf(join(options.dataRoot, 'containers', row.Id))) };
    }),
  );
}

async function volumeUsage({ options, containers, volumes }: SystemDependencies): Promise<VolumeResource[]> {
  const { Volumes } = await volumes.list({});
  return await Promise.all(
    Volumes.map(async (volume) => ({
      ...volume,
      UsageData: {
        Size: await options.storage.volumes.diskBytes(volume.Name),
        RefCount: containers.usersOfVolume(volume.Name).length,
      },
    })),
  );
}
