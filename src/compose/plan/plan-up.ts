import type { ContainerSummary } from '../../core/wire/container.ts';
import type { NetworkResource } from '../../core/wire/network.ts';
import type { VolumeResource } from '../../core/wire/resources.ts';
import { didYouMean } from '../../core/nearest.ts';
import { composeFailed } from '../errors.ts';
import { inDependencyOrder } from '../load/order.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';
import type { ImageFacts } from './container-wish.ts';
import { configHash, resourceHash } from './hash.ts';
import { isOneOff, label, numberOf } from './labels.ts';
import { containerName } from './names.ts';
import type { Step } from './step.ts';

/** Which value it was, only a comparison with the container itself tells. */
export const CONFIGURATION_CHANGED = 'its configuration changed';

/** What the engine has of this project, and under the names it wants. */
export interface Observed {
  /** All containers with the project's label, running or not. */
  readonly containers: readonly ContainerSummary[];
  readonly networks: readonly NetworkResource[];
  readonly volumes: readonly VolumeResource[];
}

export interface UpOptions {
  /** Services to act on, dependencies included. */
  readonly services: ReadonlySet<string>;
  /** Those named by the user; empty: all. */
  readonly named: ReadonlySet<string>;
  readonly forceRecreate?: boolean;
  readonly noRecreate?: boolean;
  readonly alwaysRecreateDeps?: boolean;
  readonly removeOrphans?: boolean;
  readonly noStart?: boolean;
  readonly scale?: ReadonlyMap<string, number>;
  readonly images: ReadonlyMap<string, ImageFacts>;
}

export interface UpPlan {
  /** Networks, volumes and containers are made. */
  readonly prepare: readonly Step[];
  /** Containers are started, dependencies awaited. */
  readonly start: readonly Step[];
  readonly warnings: readonly string[];
  readonly orphans: readonly ContainerSummary[];
}

/**
 * What must be done so that the engine has what the project says, and nothing more.
 * @throws {WharfError} `COMPOSE_FAILED` when something external is missing
 */
export function planUp(project: Project, observed: Observed, options: UpOptions): UpPlan {
  const warnings: string[] = [];
  const prepare: Step[] = [];
  const start: Step[] = [];
  const selected = inDependencyOrder(project.services).filter((name) => options.services.has(name));
  const replaced = planNetworks(project, observed, selected, prepare, warnings);
  planVolumes(project, observed, selected, prepare, warnings);
  const resources = prepare.map((step) => step.id);
  const orphans = findOrphans(project, observed);
  if (options.removeOrphans) {
    for (const orphan of orphans)
      prepare.push({
        kind: 'remove',
        id: `remove ${orphan.Id}`,
        after: [],
        container: orphan.Id,
        name: nameOf(orphan),
        because: 'its service is not in the file',
      });
  }
  const remade = new Set<string>();
  const made = new Map<string, string[]>();
  const started = new Map<string, string[]>();
  for (const name of selected) {
    const service = project.services[name];
    if (!service) continue;
    const all = observed.containers
      .filter((c) => label(c, 'service') === name && !isOneOff(c))
      .sort((a, b) => numberOf(a) - numberOf(b));
    // One made to replace another that is still there: the replacement was cut short, and is begun anew.
    const unfinished = all.filter((c) => isReplacement(c) && all.some((o) => o !== c && numberOf(o) === numberOf(c)));
    for (const container of unfinished) {
      prepare.push({
        kind: 'remove',
        id: `remove ${container.Id}`,
        after: [],
        container: container.Id,
        name: nameOf(container),
        because: 'its making was cut short',
      });
    }
    const mine = all.filter((c) => !unfinished.includes(c));
    const dependencies = Object.entries(service.depends_on ?? {}).filter(([d]) => options.services.has(d));
    const cleared = unfinished.map((c) => `remove ${c.Id}`);
    const after = [...resources, ...cleared, ...dependencies.flatMap(([d]) => made.get(d) ?? [])];
    const reasons = new Map(
      mine.map((c) => [c.Id, whyRecreate(name, service, c, project, observed, options, replaced, remade)]),
    );
    const scale = options.scale?.get(name) ?? service.scale ?? service.deploy?.replicas ?? 1;
    if (scale > 1 && service.container_name !== undefined) {
      throw composeFailed({
        message: `The "${name}" service is using the custom container name "${service.container_name}". Docker requires each container to have a unique name. Remove the custom name to scale the service`,
      });
    }
    // Too many: those that would be recreated go first, then the highest numbers.
    const byWorth = [...mine].sort(
      (a, b) =>
        Number((reasons.get(a.Id) ?? []).length > 0) - Number((reasons.get(b.Id) ?? []).length > 0) ||
        numberOf(a) - numberOf(b),
    );
    const kept = byWorth.slice(0, scale).sort((a, b) => numberOf(a) - numberOf(b));
    const ids: string[] = [];
    for (const container of byWorth.slice(scale)) {
      prepare.push({
        kind: 'remove',
        id: `remove ${container.Id}`,
        after: [],
        container: container.Id,
        name: nameOf(container),
        because: `scale is ${scale}`,
      });
    }
    const starts: string[] = [];
    const restarts = dependencies.some(([d, { restart }]) => restart && remade.has(d));
    for (const container of kept) {
      const because = reasons.get(container.Id) ?? [];
      const number = numberOf(container);
      const target = containerName(project, name, service, number);
      if (because.length > 0) {
        const id = `recreate ${target}`;
        prepare.push({
          kind: 'recreate',
          id,
          after,
          service: name,
          number,
          name: target,
          container: container.Id,
          because,
        });
        ids.push(id);
        remade.add(name);
        starts.push(target);
        continue;
      }
      if (nameOf(container) !== target && isReplacement(container)) {
        prepare.push({ kind: 'rename', id: `rename ${target}`, after: [], container: container.Id, name: target });
        ids.push(`rename ${target}`);
        if (container.State !== 'running') starts.push(target);
        else start.push({ kind: 'keep', id: `keep ${target}`, after: [], container: container.Id, name: target });
      } else if (restarts && container.State === 'running') {
        const id = `stop ${target}`;
        prepare.push({ kind: 'stop', id, after: [], container: container.Id, name: target });
        starts.push(nameOf(container));
      } else if (container.State === 'running' || container.State === 'restarting') {
        start.push({ kind: 'keep', id: `keep ${target}`, after: [], container: container.Id, name: nameOf(container) });
      } else {
        starts.push(nameOf(container));
      }
    }
    const highest = Math.max(0, ...mine.map(numberOf));
    for (let i = 0; i < scale - kept.length; i++) {
      const number = highest + 1 + i;
      const target = containerName(project, name, service, number);
      const id = `create ${target}`;
      prepare.push({ kind: 'create', id, after, service: name, number, name: target });
      ids.push(id);
      starts.push(target);
    }
    made.set(name, ids);
    if (options.noStart) continue;
    planStarts(name, dependencies, starts, project, options, started, start);
  }
  return { prepare, start, warnings, orphans: options.removeOrphans ? [] : orphans };
}

/** Awaits dependencies, then starts the service's containers one after another. */
function planStarts(
  name: string,
  dependencies: readonly [string, NonNullable<Service['depends_on']>[string]][],
  names: readonly string[],
  project: Project,
  options: UpOptions,
  started: Map<string, string[]>,
  into: Step[],
): void {
  const before: string[] = [];
  for (const [dependency, { condition, required }] of names.length > 0 ? dependencies : []) {
    const definition = project.services[dependency];
    const scale = options.scale?.get(dependency) ?? definition?.scale ?? definition?.deploy?.replicas ?? 1;
    const running = started.get(dependency) ?? [];
    if (condition === 'service_started' || scale === 0) {
      before.push(...running);
      continue;
    }
    const id = `await ${dependency} for ${name}`;
    into.push({ kind: 'await', id, after: running, service: name, on: dependency, condition, required });
    before.push(id);
  }
  const own: string[] = [];
  for (const target of names) {
    const id = `start ${target}`;
    into.push({ kind: 'start', id, after: [...before, ...own.slice(-1)], service: name, name: target });
    own.push(id);
  }
  // A service with nothing to start is as far as its dependencies are: those who need it wait for them through it.
  started.set(name, own.length > 0 ? own : before);
}

/** Why a container has to be made anew; empty if it is as it should be. */
function whyRecreate(
  name: string,
  service: Service,
  container: ContainerSummary,
  project: Project,
  observed: Observed,
  options: UpOptions,
  replacedNetworks: ReadonlySet<string>,
  remade: ReadonlySet<string>,
): string[] {
  if (options.noRecreate) return [];
  const named = options.named.size === 0 || options.named.has(name);
  if (named ? options.forceRecreate : options.alwaysRecreateDeps) return ['recreation is forced'];
  const because: string[] = [];
  if (label(container, 'configHash') !== configHash(service)) because.push(CONFIGURATION_CHANGED);
  const image = options.images.get(name);
  const was = label(container, 'image') ?? container.ImageID;
  if (image && was !== image.id) because.push('its image changed');
  for (const key of Object.keys(service.networks ?? {})) {
    const wanted = project.networks[key]?.name ?? '';
    if (replacedNetworks.has(key)) because.push(`network ${wanted} changed`);
    else if (!isAttached(container, wanted, observed)) because.push(`it is not attached to network ${wanted}`);
  }
  for (const volume of service.volumes ?? []) {
    if (volume.type !== 'volume' || volume.source === undefined) continue;
    const wanted = project.volumes[volume.source]?.name;
    const there = container.Mounts.find((m) => m.Destination === volume.target);
    if (there && there.Name !== undefined && there.Name !== wanted)
      because.push(`volume ${wanted ?? volume.source} is not the one mounted`);
  }
  for (const parent of namespaceParents(service)) {
    if (remade.has(parent)) because.push(`service ${parent}, whose namespace or volumes it shares, is replaced`);
  }
  return because;
}

function namespaceParents(service: Service): string[] {
  const modes = [service.network_mode, service.ipc, service.pid, service.uts].flatMap((m) =>
    m?.startsWith('service:') ? [m.slice('service:'.length)] : [],
  );
  const volumes = (service.volumes_from ?? []).flatMap((v) =>
    v.startsWith('container:') ? [] : [v.split(':')[0] ?? v],
  );
  return [...modes, ...volumes];
}

function isAttached(container: ContainerSummary, network: string, observed: Observed): boolean {
  const endpoints = Object.entries(container.NetworkSettings?.Networks ?? {});
  const id = observed.networks.find((n) => n.Name === network)?.Id;
  return endpoints.some(([name, e]) => {
    // Until a container has run, its endpoint knows the name only. One of the same name may be another network by now.
    const known = e.NetworkID ?? '';
    return known === '' ? name === network : known === id;
  });
}

/** Made under another name, to take the place of a container of the same number. */
function isReplacement(container: ContainerSummary): boolean {
  return label(container, 'replace') !== undefined && /^[0-9a-f]{12}_/.test(nameOf(container));
}

/** @returns keys of networks that are made anew */
function planNetworks(
  project: Project,
  observed: Observed,
  services: readonly string[],
  into: Step[],
  warnings: string[],
): Set<string> {
  const used = new Set(services.flatMap((s) => Object.keys(project.services[s]?.networks ?? {})));
  const replaced = new Set<string>();
  for (const key of [...used].sort()) {
    const definition = project.networks[key];
    const name = definition?.name ?? `${project.name}_${key}`;
    const there = observed.networks.find((n) => n.Name === name || (definition?.external && n.Id === name));
    if (definition?.external) {
      if (!there)
        throw composeFailed(
          { message: `network ${name} declared as external, but could not be found` },
          {
            at: project.positions.get(`networks.${key}`),
            hint: `make it: docker network create ${name}${didYouMean(
              name,
              observed.networks.map((n) => n.Name),
            ).replace(/^; /, '; or ')}`,
          },
        );
      continue;
    }
    if (!there) {
      into.push({ kind: 'createNetwork', id: `network ${key}`, after: [], key, name });
      continue;
    }
    const owner = label(there, 'project');
    if (label(there, 'network') === undefined || owner !== project.name) {
      const who = owner === undefined ? 'by compose' : `for project "${project.name}"`;
      warnings.push(
        `a network with name ${name} exists but was not created ${who}.\nSet \`external: true\` to use an existing network`,
      );
      continue;
    }
    const hash = label(there, 'configHash');
    if (hash === undefined || hash === resourceHash('network', definition ?? {})) continue;
    const attached = observed.containers.filter((c) => isAttached(c, name, observed)).map((c) => c.Id);
    into.push({ kind: 'replaceNetwork', id: `network ${key}`, after: [], key, name, containers: attached });
    replaced.add(key);
  }
  return replaced;
}

function planVolumes(
  project: Project,
  observed: Observed,
  services: readonly string[],
  into: Step[],
  warnings: string[],
): void {
  const used = new Set(
    services.flatMap((s) =>
      (project.services[s]?.volumes ?? []).flatMap((v) =>
        v.type === 'volume' && v.source !== undefined ? [v.source] : [],
      ),
    ),
  );
  for (const key of [...used].sort()) {
    const definition = project.volumes[key];
    const name = definition?.name ?? `${project.name}_${key}`;
    const there = observed.volumes.find((v) => v.Name === name);
    if (definition?.external) {
      if (!there)
        throw composeFailed(
          { message: `external volume ${JSON.stringify(name)} not found` },
          {
            at: project.positions.get(`volumes.${key}`),
            hint: `make it: docker volume create ${name}${didYouMean(
              name,
              observed.volumes.map((v) => v.Name),
            ).replace(/^; /, '; or ')}`,
          },
        );
      continue;
    }
    if (!there) {
      into.push({ kind: 'createVolume', id: `volume ${key}`, after: [], key, name });
      continue;
    }
    const owner = label(there, 'project');
    if (owner === undefined) {
      warnings.push(
        `volume ${JSON.stringify(name)} already exists but was not created by Docker Compose. Use \`external: true\` to use an existing volume`,
      );
    } else if (owner !== project.name) {
      warnings.push(
        `volume ${JSON.stringify(name)} already exists but was created for project ${JSON.stringify(owner)} (expected ${JSON.stringify(project.name)}). Use \`external: true\` to use an existing volume`,
      );
    } else if (![undefined, resourceHash('volume', definition ?? {})].includes(label(there, 'configHash'))) {
      warnings.push(
        `Volume ${JSON.stringify(name)} exists but doesn't match configuration in compose file. It is used as it is; remove it to have it made anew (its data will be lost)`,
      );
    }
  }
}

/** Containers of services that the file does not have; running one-off containers are nobody's orphans. */
export function findOrphans(
  project: Project,
  observed: { readonly containers: readonly ContainerSummary[] },
): ContainerSummary[] {
  return observed.containers.filter((c) => {
    const service = label(c, 'service') ?? '';
    if (isOneOff(c)) return c.State !== 'running';
    return !project.services[service] && !project.disabled[service];
  });
}

function nameOf(container: ContainerSummary): string {
  return (container.Names[0] ?? container.Id).replace(/^\//, '');
}
