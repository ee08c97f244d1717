import { invalidParameter } from '../../core/errors.ts';
import type { VolumeResource } from '../../core/wire/resources.ts';
import type { SystemDependencies } from './dependencies.ts';

const TYPES = ['container', 'image', 'volume', 'build-cache'];

/**
 * What containers, images and volumes take on disk, in bytes. No type: all of them; types not asked for are `null`.
 * @throws {WharfError} `INVALID_PARAMETER` at an unknown type
 */
export async function diskUsage(
  { options, containers, images, volumes }: SystemDependencies,
  types: readonly string[],
): Promise<Record<string, unknown>> {
  for (const type of types)
    if (!TYPES.includes(type)) throw invalidParameter({ message: `unknown object type: ${type}` });
  const wants = (type: string) => types.length === 0 || types.includes(type);
  const { layers, volumes: store } = options.storage;

  const measured = async (volume: VolumeResource): Promise<VolumeResource> => ({
    ...volume,
    UsageData: { Size: await store.sizeBytes(volume.Name), RefCount: containers.usersOfVolume(volume.Name).length },
  });
  const imageRows = async () => {
    const rows = await images.list({ all: false, filters: {}, sharedSize: true });
    return rows.map((row) => ({ ...row, Containers: containers.usersOfImage(row.Id).length }));
  };

  const [containerRows, imageList, volumeRows] = await Promise.all([
    wants('container') ? containers.list({ all: true, size: true, filters: {} }) : null,
    wants('image') ? imageRows() : null,
    wants('volume') ? volumes.list({}).then(({ Volumes }) => Promise.all(Volumes.map(measured))) : null,
  ]);
  return {
    LayersSize: wants('image') ? layers.list().reduce((sum, layer) => sum + layer.sizeBytes, 0) : 0,
    Images: imageList,
    Containers: containerRows,
    Volumes: volumeRows,
    BuildCache: wants('build-cache') ? [] : null,
  };
}
