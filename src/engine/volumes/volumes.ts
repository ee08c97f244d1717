import type { VolumeCreateRequest, VolumeResource } from '../../core/wire/resources.ts';
import type { Storage, Volume } from '../../storage/index.ts';
import type { Events, Filters, VolumeService } from '../contract.ts';
import { booleanFilter, checkFilters, hasLabels, lacksLabels, matchesExactly, matchesPattern } from '../filters.ts';
import { pruneRunning, volumeDriverNotFound, volumeInUse, volumeNotFound, volumeRefused } from './errors.ts';

/** Marks a volume that nobody gave a name, as Docker's clients look for it. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';
const DRIVER = 'local';
/** A volume is a directory of its name. */
const MOST_NAME = 255;
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export interface VolumesDependencies {
  readonly storage: Storage;
  readonly publish: Events['publish'];
  /** IDs of containers, also stopped ones, that use a volume. */
  readonly usersOfVolume: (name: string) => readonly string[];
}

/** Volumes of the `local` driver: data that outlives containers, and who may remove it when. */
export function createVolumes({ storage, publish, usersOfVolume }: VolumesDependencies): VolumeService {
  let pruning = false;

  function resource(volume: Volume): VolumeResource {
    return {
      CreatedAt: volume.createdAt,
      Driver: DRIVER,
      Labels: volume.labels === null ? null : { ...volume.labels },
      Mountpoint: storage.volumes.dataPath(volume.name),
      Name: volume.name,
      Options: volume.options === null ? null : { ...volume.options },
      Scope: 'local',
    };
  }

  function get(name: string): Volume {
    const volume = storage.volumes.find(name);
    if (volume === undefined) throw volumeNotFound({ name });
    return volume;
  }

  async function destroy(name: string): Promise<void> {
    await storage.volumes.remove(name);
    publish({ type: 'volume', action: 'destroy', id: name, attributes: { driver: DRIVER } });
  }

  return {
    async create(request) {
      const name = request.Name === '' ? undefined : request.Name;
      validate(request, name ?? '');
      const labels = name === undefined ? { ...request.Labels, [ANONYMOUS_LABEL]: '' } : (request.Labels ?? null);
      const { volume, created } = await storage.volumes.create({
        ...(name === undefined ? {} : { name }),
        labels,
        options: request.DriverOpts ?? null,
      });
      if (created) publish({ type: 'volume', action: 'create', id: volume.name, attributes: { driver: DRIVER } });
      return resource(volume);
    },

    async list(filters) {
      checkFilters(filters, ['dangling', 'driver', 'label', 'name']);
      const dangling = filters['dangling'] === undefined ? undefined : booleanFilter(filters, 'dangling', false);
      const kept = storage.volumes
        .list()
        .filter((v) => matchesPattern(filters['name'], v.name))
        .filter((v) => matchesExactly(filters['driver'], DRIVER) && hasLabels(v.labels, filters['label']))
        .filter((v) => dangling === undefined || (usersOfVolume(v.name).length === 0) === dangling);
      return { Volumes: kept.map(resource), Warnings: null };
    },

    async inspect(name) {
      return resource(get(name));
    },

    async remove(name, force) {
      if (storage.volumes.find(name) === undefined) {
        if (force) return;
        throw volumeNotFound({ name });
      }
      const users = usersOfVolume(name);
      if (users.length > 0) throw volumeInUse({ name, users });
      await destroy(name);
    },

    async prune(filters) {
      checkFilters(filters, ['all', 'label', 'label!']);
      const all = booleanFilter(filters, 'all', false);
      if (pruning) throw pruneRunning({});
      pruning = true;
      try {
        return await prune(filters, all);
      } finally {
        pruning = false;
      }
    },
  };

  async function prune(filters: Filters, all: boolean): Promise<{ VolumesDeleted: string[]; SpaceReclaimed: number }> {
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const volume of storage.volumes.list()) {
      if (!all && !volume.anonymous && volume.labels?.[ANONYMOUS_LABEL] === undefined) continue;
      if (!hasLabels(volume.labels, filters['label']) || !lacksLabels(volume.labels, filters['label!'])) continue;
      if (usersOfVolume(volume.name).length > 0) continue;
      const sizeBytes = await storage.volumes.sizeBytes(volume.name);
      // Measuring takes time in which a container may have been given the volume.
      if (usersOfVolume(volume.name).length > 0) continue;
      await destroy(volume.name);
      deleted.push(volume.name);
      reclaimed += Math.max(0, sizeBytes);
    }
    publish({ type: 'volume', action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
    return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed };
  }
}

function validate(request: VolumeCreateRequest, name: string): void {
  const driver = request.Driver ?? '';
  if (driver !== '' && driver !== DRIVER) throw volumeDriverNotFound({ name, driver });
  if (name.length === 1)
    throw volumeRefused({
      name,
      reason: 'volume name is too short, names should be at least two alphanumeric characters',
    });
  if (name.length > MOST_NAME)
    throw volumeRefused({
      name: `${name.slice(0, 40)}...`,
      reason: `volume name is too long, names should be at most ${MOST_NAME} characters`,
    });
  if (name !== '' && !NAME.test(name))
    throw volumeRefused({
      name,
      reason: `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    });
}
