import { pack } from 'tar-stream';
import type { Client } from '../../client/index.ts';
import type { ContainerCreateRequest, MountPoint } from '../../core/wire/container.ts';
import type { FileReference } from '../model/service.ts';
import type { ContainerWish } from '../plan/container-wish.ts';
import { fileTarget } from '../plan/create-mounts.ts';
import { createRequest } from '../plan/create-request.ts';
import { isOneOff, label, numberOf } from '../plan/labels.ts';
import { nameOf, projectContainers } from './observe.ts';

export interface CreateFacts extends Omit<ContainerWish, 'inherited' | 'containersOf' | 'apiSocket'> {
  /** The container is made under this name, and gets the one that it is to have in the end. */
  readonly temporary?: string;
  readonly inherited?: readonly MountPoint[];
}

/** What the engine is asked for when a container of a service is made. */
export async function requestOf(client: Client, facts: CreateFacts): Promise<ContainerCreateRequest> {
  const { project, definition } = facts;
  const needsOthers = Boolean(
    definition.links ??
      definition.volumes_from ??
      [definition.network_mode, definition.ipc, definition.pid].some((m) => m?.startsWith('service:')),
  );
  const others = needsOthers ? await projectContainers(client, project.name) : [];
  const request = createRequest({
    project,
    service: facts.service,
    definition,
    name: facts.name,
    number: facts.number,
    image: facts.image,
    inherited: facts.inherited ?? [],
    containersOf: (service) =>
      others
        .filter((c) => label(c, 'service') === service && !isOneOff(c))
        .sort((a, b) => numberOf(a) - numberOf(b))
        .map((c) => ({ id: c.Id, name: nameOf(c) })),
    apiSocket: client.host.startsWith('unix://') ? client.host.slice('unix://'.length) : undefined,
    ...(facts.oneOff ? { oneOff: facts.oneOff } : {}),
    ...(facts.extraLabels ? { extraLabels: facts.extraLabels } : {}),
  });
  const own = new Set((request.Env ?? []).map((variable) => variable.split('=', 1)[0]));
  const proxies = client.proxies.filter((variable) => !own.has(variable.split('=', 1)[0]));
  return { ...request, Env: [...proxies, ...(request.Env ?? [])] };
}

/** Creates one container of a service, not started. @returns its ID */
export async function createContainer(client: Client, facts: CreateFacts): Promise<string> {
  const { definition } = facts;
  const body = await requestOf(client, facts);
  const [primary, ...others] = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  const oneByOne = primary !== undefined && others.length > 0 && (await takesOneNetwork(client));
  const { Id } = await client.containers.create(
    oneByOne ? { ...body, NetworkingConfig: { EndpointsConfig: Object.fromEntries([primary]) } } : body,
    {
      name: facts.temporary ?? facts.name,
      ...(definition.platform === undefined ? {} : { platform: definition.platform }),
    },
  );
  if (oneByOne) {
    try {
      for (const [network, endpoint] of others) await client.networks.connect(network, Id, endpoint ?? undefined);
    } catch (e) {
      await client.containers.remove(Id, { force: true, volumes: true });
      throw e;
    }
  }
  return Id;
}

/** Engines before API 1.44 attach a container to one network when it is made, to others only afterwards. */
async function takesOneNetwork(client: Client): Promise<boolean> {
  const [major = 1, minor = 0] = (await client.ping()).apiVersion.split('.').map(Number);
  return major === 1 && minor < 44;
}

/**
 * Writes secrets and configs whose content does not lie in a file into a container; done before each start, so that one
 * whose creation was cut short gets them too.
 * @throws {WharfError} `COMPOSE_FAILED` if a variable is not set
 */
export async function writeFiles(
  client: Client,
  id: string,
  facts: Pick<CreateFacts, 'project' | 'service' | 'definition'>,
): Promise<void> {
  const files = (['secrets', 'configs'] as const).flatMap((kind) =>
    (facts.definition[kind] ?? []).flatMap((reference) => {
      const content = contentOf(kind, reference, facts);
      return content === undefined ? [] : [{ reference, content, target: fileTarget(kind, reference) }];
    }),
  );
  if (files.length === 0) return;
  const tar = pack();
  for (const { reference, content, target } of files) {
    tar.entry(
      {
        name: target.replace(/^\//, ''),
        mode: reference.mode ?? 0o444,
        uid: Number(reference.uid ?? 0),
        gid: Number(reference.gid ?? 0),
      },
      content,
    );
  }
  tar.finalize();
  await client.containers.archivePut(id, '/', tar as never);
}

function contentOf(
  kind: 'secrets' | 'configs',
  reference: FileReference,
  facts: Pick<CreateFacts, 'project' | 'service' | 'definition'>,
): string | undefined {
  const definition = facts.project[kind][reference.source];
  if (!definition || definition.file !== undefined || definition.external) return undefined;
  return definition.content ?? facts.project.environment[definition.environment ?? ''] ?? '';
}
