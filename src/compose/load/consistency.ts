import type { Position } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { composeFileInvalid } from '../errors.ts';
import type { Model } from '../model/project.ts';
import type { Service } from '../model/service.ts';

/**
 * Checks what single values cannot tell: names that point nowhere, cycles, contradictions.
 * @throws {WharfError} `COMPOSE_FILE_INVALID` with the place
 */
export function checkConsistency(
  model: Model,
  disabled: Readonly<Record<string, Service>>,
  positions: ReadonlyMap<string, Position>,
): void {
  const fail = (path: string, message: string, hint?: string): never => {
    throw composeFileInvalid({ message: `${message}: invalid compose project` }, { at: place(positions, path), hint });
  };
  for (const [name, service] of Object.entries(model.services)) {
    const path = `services.${name}`;
    if (service.image === undefined && !service.build && service.provider === undefined) {
      fail(
        path,
        `service "${name}" has neither an image nor a build context specified`,
        'write "image: NAME" or "build: FOLDER" below it',
      );
    }
    if (service.build?.dockerfile !== undefined && service.build.dockerfile_inline !== undefined) {
      fail(`${path}.build`, `service "${name}" declares mutually exclusive dockerfile and dockerfile_inline`);
    }
    if (service.network_mode !== undefined && service.networks && Object.keys(service.networks).length > 0) {
      fail(`${path}.network_mode`, `service ${name} declares mutually exclusive \`network_mode\` and \`networks\``);
    }
    for (const dependency of Object.keys(service.depends_on ?? {})) {
      const off = disabled[dependency];
      if (model.services[dependency] || (off && service.depends_on?.[dependency]?.required === false)) continue;
      const written = ['depends_on', 'links', 'volumes_from', 'network_mode', 'ipc', 'pid', 'uts', 'cgroup'];
      const key = written.find((k) => positions.has(`${path}.${k}`)) ?? 'depends_on';
      fail(
        positions.has(`${path}.depends_on.${dependency}`) ? `${path}.depends_on.${dependency}` : `${path}.${key}`,
        `service "${name}" depends on undefined service "${dependency}"`,
        off
          ? `"${dependency}" has profiles that are not active; enable it with --profile ${off.profiles?.[0] ?? '*'}`
          : (nearHint(dependency, Object.keys(model.services)) ??
              `the services are ${Object.keys(model.services).slice(0, 8).join(', ')}`),
      );
    }
    for (const network of Object.keys(service.networks ?? {})) {
      if (model.networks[network]) continue;
      fail(
        `${path}.networks.${network}`,
        `service "${name}" refers to undefined network ${network}`,
        nearHint(network, Object.keys(model.networks)) ?? `declare it under the top-level "networks:"`,
      );
    }
    for (const volume of service.volumes ?? []) {
      if (volume.type !== 'volume' || volume.source === undefined || model.volumes[volume.source]) continue;
      fail(
        `${path}.volumes:${volume.source}`,
        `service "${name}" refers to undefined volume ${volume.source}`,
        nearHint(volume.source, Object.keys(model.volumes)) ??
          `declare it under the top-level "volumes:", or write ./${volume.source} for a folder`,
      );
    }
    for (const kind of ['secrets', 'configs'] as const) {
      for (const { source } of service[kind] ?? []) {
        if (model[kind][source]) continue;
        fail(
          `${path}.${kind}:${source}`,
          `service "${name}" refers to undefined ${kind.slice(0, -1)} ${source}`,
          nearHint(source, Object.keys(model[kind])) ?? `declare it under the top-level "${kind}:"`,
        );
      }
    }
    checkTwins(name, service, (key, message) => fail(`${path}.${key}`, message));
    checkTargets(name, service, (key, message) => fail(`${path}.${key}`, message));
    if (service.container_name !== undefined && (service.scale ?? service.deploy?.replicas ?? 1) > 1) {
      fail(
        `${path}.container_name`,
        `services.${name}: can't set container_name and scale: container name must be unique`,
      );
    }
  }
  for (const [kind, sources] of [
    ['secrets', ['file', 'environment']],
    ['configs', ['file', 'environment', 'content']],
  ] as const) {
    for (const [name, definition] of Object.entries(model[kind])) {
      if (definition.external || definition.driver !== undefined) continue;
      const said = sources.filter((s) => definition[s] !== undefined);
      if (said.length !== 1) fail(`${kind}.${name}`, `${kind}.${name}: one of ${sources.join('|')} must be set`);
    }
  }
  for (const [name, volume] of Object.entries(model.volumes)) {
    if (!volume.external) continue;
    for (const key of ['driver', 'driver_opts', 'labels'] as const) {
      if (volume[key] !== undefined)
        fail(`volumes.${name}.${key}`, `volumes.${name}: conflicting parameters "external" and "${key}" specified`);
    }
  }
  checkCycle(model, positions);
}

function nearHint(name: string, known: readonly string[]): string | undefined {
  const guess = didYouMean(name, known);
  return guess === '' ? undefined : guess.replace(/^; /, '');
}

/** Values that can be said at two places must agree. */
function checkTwins(name: string, service: Service, fail: (key: string, message: string) => never): void {
  const limits = service.deploy?.resources?.limits;
  const reservations = service.deploy?.resources?.reservations;
  const twins: [string, unknown, string, unknown][] = [
    ['scale', service.scale, 'deploy.replicas', service.deploy?.replicas],
    ['cpus', service.cpus, 'deploy.resources.limits.cpus', limits?.cpus],
    ['mem_limit', service.mem_limit, 'deploy.resources.limits.memory', limits?.memory],
    ['mem_reservation', service.mem_reservation, 'deploy.resources.reservations.memory', reservations?.memory],
    ['pids_limit', service.pids_limit, 'deploy.resources.limits.pids', limits?.pids],
  ];
  for (const [key, a, other, b] of twins) {
    if (a !== undefined && b !== undefined && a !== b)
      fail(key, `services.${name}: can't set distinct values on '${key}' and '${other}'`);
  }
}

function checkTargets(name: string, service: Service, fail: (key: string, message: string) => never): void {
  const seen = new Map<string, string>();
  for (const [i, target] of (service.tmpfs ?? []).entries()) seen.set(target.split(':')[0] ?? target, `tmpfs[${i}]`);
  for (const [i, volume] of (service.volumes ?? []).entries()) {
    const before = seen.get(volume.target);
    if (before !== undefined)
      fail(
        'volumes',
        `services.${name}.volumes[${i}]: target ${volume.target} already mounted as services.${name}.${before}`,
      );
    seen.set(volume.target, `volumes[${i}]`);
  }
}

function checkCycle(model: Model, positions: ReadonlyMap<string, Position>): void {
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): void => {
    if (done.has(name)) return;
    const start = trail.indexOf(name);
    if (start >= 0) {
      const cycle = [...trail.slice(start), name];
      throw composeFileInvalid(
        { message: `dependency cycle detected: ${cycle.join(' -> ')}` },
        { at: place(positions, `services.${cycle.at(-2) ?? name}.depends_on.${name}`) },
      );
    }
    for (const next of Object.keys(model.services[name]?.depends_on ?? {}))
      if (model.services[next]) visit(next, [...trail, name]);
    done.add(name);
  };
  for (const name of Object.keys(model.services).sort()) visit(name, []);
}

/** The place of `path`, or of the nearest thing around it. */
function place(positions: ReadonlyMap<string, Position>, path: string): Position | undefined {
  for (let p = path; p !== ''; ) {
    const found = positions.get(p);
    if (found) return found;
    const cut = Math.max(p.lastIndexOf('.'), p.lastIndexOf(':'));
    p = cut < 0 ? '' : p.slice(0, cut);
  }
  return undefined;
}
