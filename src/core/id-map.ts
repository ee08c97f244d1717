/** Consecutive IDs of users or groups that are others inside a user namespace than outside. */
export interface IdRange {
  readonly containerId: number;
  readonly hostId: number;
  readonly size: number;
}

/** How the users and groups of containers are mapped to the host's. */
export interface IdMaps {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/** Who a container sees that has no ID there; overflowuid(5)'s usual value. */
const NOBODY = 65534;

/** The host's ID of a container's; `undefined` if it has none. */
export function toHost(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find((r) => id >= r.containerId && id < r.containerId + r.size);
  return range === undefined ? undefined : range.hostId + (id - range.containerId);
}

/** The ID that a container sees for one of the host's. */
export function toContainer(ranges: readonly IdRange[], id: number): number {
  const range = ranges.find((r) => id >= r.hostId && id < r.hostId + r.size);
  return range === undefined ? NOBODY : range.containerId + (id - range.hostId);
}

/** Whom containers' root is on the host. */
export function rootOf(maps: IdMaps): { readonly uid: number; readonly gid: number } {
  return { uid: toHost(maps.uids, 0) ?? NOBODY, gid: toHost(maps.gids, 0) ?? NOBODY };
}
