import type { Client } from '../../client/index.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import { LABEL, label, numberOf, isOneOff } from '../plan/labels.ts';
import type { Observed } from '../plan/plan-up.ts';
import type { Project } from '../model/project.ts';

/** All containers of a project, running or not. */
export async function projectContainers(client: Client, project: string): Promise<ContainerSummary[]> {
  const found = await client.containers.list({ all: true, filters: { label: [`${LABEL.project}=${project}`] } });
  // Others that merely carry the label were not made by Compose.
  return found.filter((c) => label(c, 'configHash') !== undefined);
}

/** What the engine has, for a plan. */
export async function observe(client: Client, project: Project): Promise<Observed> {
  const [containers, networks, volumes] = await Promise.all([
    projectContainers(client, project.name),
    client.networks.list(),
    client.volumes.list(),
  ]);
  return { containers, networks, volumes: volumes.Volumes ?? [] };
}

/** A project's containers of these services (empty: all) in the order of service and number; one-off ones left out. */
export async function serviceContainers(
  client: Client,
  project: string,
  services: readonly string[],
  options: { readonly oneOff?: boolean } = {},
): Promise<ContainerSummary[]> {
  const all = await projectContainers(client, project);
  return all
    .filter((c) => (options.oneOff ?? false) || !isOneOff(c))
    .filter((c) => services.length === 0 || services.includes(label(c, 'service') ?? ''))
    .sort((a, b) => compare(label(a, 'service') ?? '', label(b, 'service') ?? '') || numberOf(a) - numberOf(b));
}

export function nameOf(container: ContainerSummary): string {
  return (container.Names[0] ?? container.Id).replace(/^\//, '');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
