import { createHash } from 'node:crypto';
import { hashedResource, hashedService } from '../load/canonical.ts';
import type { NetworkDefinition, VolumeDefinition } from '../model/project.ts';
import type { Service } from '../model/service.ts';

/**
 * sha256 (hexadecimal) of everything in a service that its containers are made from; what they do not depend on is left
 * out, so that a change of it recreates none. The same as docker compose's: each tool takes the other's containers as they
 * are. Source: compose.md 5.2; docker/compose, ServiceHash.
 */
export function configHash(service: Service): string {
  return digest(hashedService(hashedPart(service)));
}

/** What of a service counts when it is decided whether its containers are still right. */
function hashedPart(service: Service): Service {
  const {
    build: _build,
    pull_policy: _policy,
    scale: _scale,
    depends_on: _needs,
    profiles: _profiles,
    ...kept
  } = service;
  if (!kept.deploy) return kept;
  const { replicas: _replicas, ...deploy } = kept.deploy;
  return { ...kept, deploy };
}

/** sha256 (hexadecimal) of a network's or volume's definition. */
export function resourceHash(kind: 'network' | 'volume', resource: NetworkDefinition | VolumeDefinition): string {
  return digest(hashedResource(kind, resource));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
