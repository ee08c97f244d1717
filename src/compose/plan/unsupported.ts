import { composeFailed } from '../errors.ts';
import type { Project } from '../model/project.ts';

const KEYS = ['provider', 'models', 'pre_start'] as const;

/**
 * Refuses what the file may say and this version does not do, before anything is made: left out in silence it would be missed.
 * @throws {WharfError} `COMPOSE_FAILED` with the place
 */
export function refuseUnsupported(project: Project, services: Iterable<string>): void {
  for (const name of services) {
    const service = project.services[name];
    const key = KEYS.find((k) => service?.[k] !== undefined && service[k] !== false);
    if (key === undefined) continue;
    throw composeFailed(
      { message: `services.${name}.${key} is not supported yet` },
      { at: project.positions.get(`services.${name}.${key}`) },
    );
  }
}
