import type { Position } from '../../core/errors.ts';
import { composeFailed } from '../errors.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';

const KEYS = ['provider', 'models', 'pre_start'] as const;
const KINDS = ['secrets', 'configs'] as const;

/**
 * Refuses what cannot come true, before anything is made: what the file may say and this version does not do (left out in
 * silence it would be missed), and what every engine refuses.
 * @throws {WharfError} `COMPOSE_FAILED` with the place
 */
export function refuseUnsupported(project: Project, services: Iterable<string>): void {
  for (const name of services) {
    const service = project.services[name];
    if (!service) continue;
    const at = (...paths: readonly string[]): Position | undefined =>
      paths.map((path) => project.positions.get(path)).find((place) => place !== undefined);
    const own = `services.${name}`;
    const key = KEYS.find((k) => service[k] !== undefined && service[k] !== false);
    if (key !== undefined)
      throw composeFailed({ message: `${own}.${key} is not supported yet` }, { at: at(`${own}.${key}`) });
    const check = service.healthcheck;
    if (check?.start_interval !== undefined && !check.start_period)
      throw composeFailed(
        { message: 'healthcheck.start_interval requires healthcheck.start_period to be set' },
        { at: at(`${own}.healthcheck.start_interval`, `${own}.healthcheck`) },
      );
    for (const kind of KINDS) for (const { source } of service[kind] ?? []) refuseFile(project, name, kind, source, at);
    const relative = service.volumes?.find((v) => !v.target.startsWith('/') && !/^[A-Za-z]:/.test(v.target));
    if (relative)
      throw composeFailed(
        { message: `service "${name}": invalid mount path: '${relative.target}' mount path must be absolute` },
        { at: at(`${own}.volumes:${relative.source ?? ''}`, `${own}.volumes`), hint: `write /${relative.target}` },
      );
    refuseCount(service, name, at);
  }
}

type At = (...paths: readonly string[]) => Position | undefined;

function refuseFile(project: Project, name: string, kind: 'secrets' | 'configs', source: string, at: At): void {
  const definition = project[kind][source];
  const what = kind.slice(0, -1);
  if (definition?.external)
    throw composeFailed(
      { message: `unsupported external ${what} ${definition.name ?? source}` },
      {
        at: at(`${kind}.${source}.external`, `${kind}.${source}`),
        hint: 'only a swarm has those; name a file or an environment variable',
      },
    );
  const variable = definition?.environment;
  if (variable !== undefined && project.environment[variable] === undefined)
    throw composeFailed(
      { message: `environment variable "${variable}" required by ${what} "${source}" is not set` },
      { at: at(`${kind}.${source}.environment`, `${kind}.${source}`) },
    );
  if (definition && definition.file === undefined && project.services[name]?.read_only)
    throw composeFailed(
      {
        message: `cannot create ${what} "${source}" in read-only service ${name}: \`file\` is the sole supported option`,
      },
      { at: at(`services.${name}.${kind}:${source}`, `services.${name}.read_only`) },
    );
}

function refuseCount(service: Service, name: string, at: At): void {
  for (const [path, count] of [
    ['scale', service.scale],
    ['deploy.replicas', service.deploy?.replicas],
  ] as const) {
    if (count !== undefined && count < 0)
      throw composeFailed(
        { message: `services.${name}.${path} must be 0 or more, not ${count}` },
        { at: at(`services.${name}.${path}`) },
      );
  }
}
