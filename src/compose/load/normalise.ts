import { posix } from 'node:path';
import type { FileDefinition, Model, NetworkDefinition, VolumeDefinition } from '../model/project.ts';
import { unified } from './merge.ts';
import type { Dependency, Service } from '../model/service.ts';

/** Fills in what the format implies: default network and build file, names of resources, dependencies by links and the like. */
export function normalise(model: Model, project: string): Model {
  const services = mapValues(model.services, (service) => normaliseService(unified(service)));
  const usesDefault = Object.values(services).some((s) => s.networks && 'default' in s.networks);
  const networks = usesDefault && !model.networks['default'] ? { ...model.networks, default: {} } : model.networks;
  return {
    ...model,
    services,
    networks: mapEntries(networks, (key, n: NetworkDefinition) => named(key, n, project)),
    volumes: mapEntries(model.volumes, (key, v: VolumeDefinition) => named(key, v, project)),
    secrets: mapEntries(model.secrets, (key, f: FileDefinition) => named(key, f, project)),
    configs: mapEntries(model.configs, (key, f: FileDefinition) => named(key, f, project)),
  };
}

function named<T extends { readonly name?: string; readonly external?: boolean }>(
  key: string,
  resource: T,
  project: string,
): T {
  const { name, ...rest } = resource;
  return { name: name ?? (resource.external ? key : `${project}_${key}`), ...rest } as T;
}

function normaliseService(service: Service): Service {
  const alone = service.network_mode !== undefined || service.provider !== undefined;
  const networks =
    alone || (service.networks && Object.keys(service.networks).length > 0) ? service.networks : { default: null };
  const build = service.build && {
    ...service.build,
    context: service.build.context ?? '.',
    ...(service.build.dockerfile_inline === undefined ? { dockerfile: service.build.dockerfile ?? 'Dockerfile' } : {}),
  };
  const depends = implied(service);
  return {
    ...service,
    ...(networks ? { networks } : {}),
    ...(build ? { build } : {}),
    ...(Object.keys(depends).length > 0 ? { depends_on: depends } : {}),
    // Twin values: one is said where the other is.
    ...(service.scale !== undefined && service.deploy
      ? { deploy: { replicas: service.scale, ...service.deploy } }
      : {}),
    ...(service.pull_policy === 'if_not_present' ? { pull_policy: 'missing' } : {}),
  };
}

/** Dependencies, with those that links and shared namespaces bring. */
function implied(service: Service): Record<string, Dependency> {
  const found: Record<string, Dependency> = { ...service.depends_on };
  const add = (name: string, restart: boolean): void => {
    found[name] ??= { condition: 'service_started', ...(restart ? { restart: true } : {}), required: true };
  };
  for (const link of service.links ?? []) add(link.split(':')[0] ?? link, true);
  for (const mode of [service.network_mode, service.ipc, service.pid, service.uts, service.cgroup]) {
    if (mode?.startsWith('service:')) add(mode.slice('service:'.length), true);
  }
  for (const from of service.volumes_from ?? []) {
    if (!from.startsWith('container:')) add(from.split(':')[0] ?? from, false);
  }
  return found;
}

/** Makes a build context absolute that was implied, not written. */
export function absoluteContext(service: Service, projectDirectory: string): Service {
  const context = service.build?.context;
  if (!service.build || context === undefined || context.startsWith('/') || !context.startsWith('.')) return service;
  return { ...service, build: { ...service.build, context: posix.resolve(projectDirectory, context) } };
}

function mapValues<T>(map: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
function mapEntries<T>(map: Readonly<Record<string, T>>, change: (key: string, value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(key, value)]));
}
