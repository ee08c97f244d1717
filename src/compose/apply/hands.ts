import type { Client } from '../../client/index.ts';
import { ApiError } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { NetworkCreateRequest } from '../../core/wire/network.ts';
import type { NetworkDefinition, Project } from '../model/project.ts';
import type { Progress } from '../output/progress.ts';
import type { ImageFacts } from '../plan/container-wish.ts';
import { resourceHash } from '../plan/hash.ts';
import { LABEL, resourceLabels } from '../plan/labels.ts';
import { temporaryName } from '../plan/names.ts';
import type { ForEachStep } from '../plan/step.ts';
import type { CreateFacts } from './create-container.ts';
import { createContainer, writeFiles } from './create-container.ts';
import { runHooks } from './hooks.ts';
import { nameOf } from './observe.ts';
import { whyInWords } from './why-recreate.ts';
import { waitForService } from './wait-for.ts';

export interface HandsFacts {
  readonly client: Client;
  readonly project: Project;
  readonly images: ReadonlyMap<string, ImageFacts>;
  readonly observed: readonly ContainerSummary[];
  readonly progress: Progress;
  readonly warn: (text: string) => void;
  readonly timeoutSeconds: number | undefined;
  readonly renewAnonymousVolumes: boolean;
  readonly signal: AbortSignal;
  /** What `post_start` commands print. */
  readonly hookOutput?: ((container: string, text: Buffer) => void) | undefined;
}

/** Does each kind of step through the engine's API. */
export function hands(facts: HandsFacts): ForEachStep<Promise<void>> {
  const { client, project, progress, signal } = facts;
  const stop = timeoutOf(facts.timeoutSeconds);
  const definitionOf = (name: string): NonNullable<Project['services'][string]> => {
    const service = project.services[name];
    if (!service) throw new Error(`no service ${name}`);
    return service;
  };
  const imageOf = (name: string): ImageFacts => facts.images.get(name) ?? { id: '', volumes: [] };
  return {
    createNetwork: ({ key, name }) =>
      progress.during(`Network ${name}`, 'Creating', 'Created', () => createNetwork(client, project, key, name)),
    replaceNetwork: ({ key, name, containers }) =>
      progress.during(`Network ${name}`, 'Recreate', 'Recreated', async () => {
        for (const id of containers) {
          await ifThere(client.containers.stop(id, stop));
          await ifThere(client.networks.disconnect(name, id, true));
        }
        await client.networks.remove(name);
        await createNetwork(client, project, key, name);
      }),
    createVolume: ({ key, name }) =>
      progress.during(`Volume ${name}`, 'Creating', 'Created', async () => {
        const definition = project.volumes[key] ?? {};
        await client.volumes.create({
          Name: name,
          ...(definition.driver === undefined ? {} : { Driver: definition.driver }),
          DriverOpts: { ...definition.driver_opts },
          Labels: resourceLabels(project.name, 'volume', key, definition.labels, resourceHash('volume', definition)),
        });
      }),
    create: ({ service, number, name }) =>
      progress.during(`Container ${name}`, 'Creating', 'Created', async () => {
        await createContainer(client, {
          project,
          service,
          definition: definitionOf(service),
          name,
          number,
          image: imageOf(service),
        });
      }),
    recreate: async ({ service, number, name, container, because }) => {
      const old = facts.observed.find((c) => c.Id === container);
      const wanted: CreateFacts = {
        project,
        service,
        definition: definitionOf(service),
        name,
        temporary: temporaryName(container, name),
        number,
        image: imageOf(service),
        inherited: facts.renewAnonymousVolumes ? [] : (old?.Mounts ?? []),
        extraLabels: { [LABEL.replace]: `${service}-${number}` },
      };
      const why = await whyInWords(client, wanted, container, because);
      await progress.during(`Container ${name}`, 'Recreate', 'Recreated', async () => {
        progress.because(`Container ${name}`, why);
        const id = await createContainer(client, wanted);
        try {
          await ifThere(client.containers.stop(container, stop));
          await ifThere(client.containers.remove(container, { force: true }));
        } catch (e) {
          // The old one lives on: the new one must not stay behind under its odd name.
          await client.containers.remove(id, { force: true }).catch(() => undefined);
          throw e;
        }
        await client.containers.rename(id, name);
      });
    },
    remove: async ({ container, name }) => {
      await progress.during(`Container ${name}`, 'Stopping', 'Stopped', () =>
        ifThere(client.containers.stop(container, stop)),
      );
      await progress.during(`Container ${name}`, 'Removing', 'Removed', () =>
        ifThere(client.containers.remove(container, { force: true })),
      );
    },
    rename: ({ container, name }) => client.containers.rename(container, name),
    stop: ({ container, name }) =>
      progress.during(`Container ${name}`, 'Stopping', 'Stopped', () =>
        ifThere(client.containers.stop(container, stop)),
      ),
    keep: async ({ name }) => progress.event(`Container ${name}`, 'Running'),
    await: async ({ on, condition, required }) => {
      try {
        await waitForService(client, project.name, on, condition, progress, signal);
      } catch (e) {
        if (required || signal.aborted) throw e;
        facts.warn(`optional dependency "${on}" failed: ${messageOf(e)}`);
      }
    },
    start: async ({ service, name }) => {
      const before = facts.observed.find((c) => nameOf(c) === name);
      if (before?.State === 'paused') {
        await client.containers.unpause(before.Id);
        progress.event(`Container ${name}`, 'Unpaused');
        return;
      }
      await progress.during(`Container ${name}`, 'Starting', 'Started', async () => {
        const definition = project.services[service];
        if (definition) await writeFiles(client, name, { project, service, definition });
        await client.containers.start(name);
        await runHooks(client, name, service, project.services[service]?.post_start ?? [], (text) =>
          facts.hookOutput?.(name, text),
        );
      });
    },
  };
}

async function createNetwork(client: Client, project: Project, key: string, name: string): Promise<void> {
  const definition: NetworkDefinition = project.networks[key] ?? {};
  const request: NetworkCreateRequest = {
    Name: name,
    CheckDuplicate: true,
    ...(definition.driver === undefined ? {} : { Driver: definition.driver }),
    Options: { ...definition.driver_opts },
    Internal: definition.internal ?? false,
    Attachable: definition.attachable ?? false,
    ...(definition.enable_ipv4 === undefined ? {} : { EnableIPv4: definition.enable_ipv4 }),
    ...(definition.enable_ipv6 === undefined ? {} : { EnableIPv6: definition.enable_ipv6 }),
    ...(definition.ipam
      ? {
          IPAM: {
            Driver: definition.ipam.driver ?? 'default',
            ...(definition.ipam.options ? { Options: { ...definition.ipam.options } } : {}),
            Config: (definition.ipam.config ?? []).map((pool) => ({
              ...(pool.subnet === undefined ? {} : { Subnet: pool.subnet }),
              ...(pool.ip_range === undefined ? {} : { IPRange: pool.ip_range }),
              ...(pool.gateway === undefined ? {} : { Gateway: pool.gateway }),
              ...(pool.aux_addresses === undefined ? {} : { AuxiliaryAddresses: { ...pool.aux_addresses } }),
            })),
          },
        }
      : {}),
    Labels: resourceLabels(project.name, 'network', key, definition.labels, resourceHash('network', definition)),
  };
  await client.networks.create(request);
}

export function timeoutOf(seconds: number | undefined): { timeoutSeconds?: number } {
  return seconds === undefined ? {} : { timeoutSeconds: seconds };
}

/** For what releases: something already gone, stopped or not connected is as good as done. */
export async function ifThere(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (e) {
    if (!(e instanceof ApiError) || (e.status !== 404 && e.status !== 304)) throw e;
  }
}
