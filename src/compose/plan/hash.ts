import { createHash } from 'node:crypto';
import type { NetworkDefinition, VolumeDefinition } from '../model/project.ts';
import type { Service } from '../model/service.ts';

/** What a service's containers do not depend on: a change of it recreates none. Source: compose.md 5.2. */
const NOT_HASHED = new Set(['build', 'pull_policy', 'scale', 'depends_on', 'profiles']);

/** sha256 (hexadecimal) of everything in a service that its containers are made from. */
export function configHash(service: Service): string {
  const kept = Object.fromEntries(Object.entries(service).filter(([key]) => !NOT_HASHED.has(key)));
  if (service.deploy) {
    const { replicas: _replicas, ...deploy } = service.deploy;
    kept['deploy'] = deploy;
  }
  return digest(kept);
}

/** sha256 (hexadecimal) of a network's or volume's definition. */
export function resourceHash(resource: NetworkDefinition | VolumeDefinition): string {
  return digest(resource);
}

function digest(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex');
}

/** Keys in order, so that the order in a file does not count. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}
