import type { Client } from '../../client/index.ts';
import { ApiError } from '../../client/index.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { NetworkResource } from '../../core/wire/network.ts';
import { withDependencies } from '../load/index.ts';
import type { Project } from '../model/project.ts';
import type { Progress } from '../output/progress.ts';
import { isOneOff, LABEL, label } from '../plan/labels.ts';
import { imageName } from '../plan/names.ts';
import { findOrphans } from '../plan/plan-up.ts';
import { ifThere } from './hands.ts';
import { allOrFirst } from './all-or-first.ts';
import { nameOf, projectContainers } from './observe.ts';
import { forEachBackwards, LIVE, stopContainer } from './stop.ts';

export interface DownOptions {
  readonly services: readonly string[];
  readonly volumes: boolean;
  readonly removeOrphans: boolean;
  readonly images: 'local' | 'all' | undefined;
  readonly timeoutSeconds: number | undefined;
}

/**
 * Stops and removes a project's containers, then its networks and, if asked, volumes and images.
 * @param project `undefined`: labels say what belongs to it
 * @returns orphans that stay, for a warning; whether anything was found
 */
export async function down(
  client: Client,
  name: string,
  project: Project | undefined,
  options: DownOptions,
  progress: Progress,
): Promise<{ readonly orphans: readonly ContainerSummary[]; readonly found: boolean }> {
  const all = await projectContainers(client, name);
  const orphans = project && options.services.length === 0 ? findOrphans(project, { containers: all }) : [];
  const chosen = all.filter((c) => {
    const service = label(c, 'service') ?? '';
    if (options.services.length > 0) return options.services.includes(service) && !isOneOff(c);
    if (orphans.includes(c)) return options.removeOrphans;
    if (!project) return true;
    return isOneOff(c) ? options.removeOrphans : project.services[service] !== undefined;
  });
  await forEachBackwards(project, chosen, async (c) => {
    if (LIVE.has(c.State)) await stopContainer(client, project, c, progress, options.timeoutSeconds);
    await progress.during(`Container ${nameOf(c)}`, 'Removing', 'Removed', () =>
      ifThere(client.containers.remove(c.Id, { force: true, volumes: options.volumes })),
    );
  });
  if (options.volumes) await removeAnonymousVolumes(client, chosen);
  const networks = await networksOf(client, name, project, options.services);
  const removed = await removeNetworks(client, networks, progress);
  const volumes =
    options.volumes && options.services.length === 0 ? await removeVolumes(client, name, project, progress) : [];
  const images = options.images && project ? await removeImages(client, project, options.images, progress) : 0;
  return {
    orphans: options.removeOrphans ? [] : orphans,
    found: chosen.length + removed.length + volumes.length + images > 0,
  };
}

/**
 * Removes anonymous volumes that containers had. The engine does it for those that it made with the container, not for those
 * that were carried over from a container that was replaced.
 */
export async function removeAnonymousVolumes(client: Client, containers: readonly ContainerSummary[]): Promise<void> {
  const mounted = new Set(
    containers.flatMap((c) => c.Mounts.flatMap((m) => (m.Type === 'volume' && m.Name !== undefined ? [m.Name] : []))),
  );
  if (mounted.size === 0) return;
  const { Volumes } = await client.volumes.list();
  const anonymous = (Volumes ?? []).filter(
    (v) => mounted.has(v.Name) && v.Labels?.['com.docker.volume.anonymous'] !== undefined,
  );
  for (const { Name } of anonymous) {
    try {
      await ifThere(client.volumes.remove(Name));
    } catch (e) {
      // Another container took it with volumes_from.
      if (!(e instanceof ApiError) || e.status !== 409) throw e;
    }
  }
}

/** Those of the project, or of the services named and what they need. */
async function networksOf(
  client: Client,
  name: string,
  project: Project | undefined,
  services: readonly string[],
): Promise<NetworkResource[]> {
  const labelled = await client.networks.list({ label: [`${LABEL.project}=${name}`] });
  if (!project) return services.length > 0 ? [] : labelled;
  if (services.length === 0)
    return labelled.filter((n) => project.networks[label(n, 'network') ?? ''] || label(n, 'network') === 'default');
  const used = new Set(
    [...withDependencies(services, project.services)].flatMap((s) => Object.keys(project.services[s]?.networks ?? {})),
  );
  return labelled.filter((n) => used.has(label(n, 'network') ?? ''));
}

async function removeNetworks(client: Client, mine: readonly NetworkResource[], progress: Progress): Promise<string[]> {
  await allOrFirst(
    mine.map(async (network) => {
      const id = `Network ${network.Name}`;
      progress.event(id, 'Removing');
      try {
        await ifThere(client.networks.remove(network.Id));
        progress.event(id, 'Removed');
      } catch (e) {
        if (!(e instanceof ApiError) || !/active endpoints|in use/.test(e.message)) {
          progress.event(id, 'Error', { state: 'error' });
          throw e;
        }
        progress.event(id, 'Resource is still in use', { state: 'warning' });
      }
    }),
  );
  return mine.map((n) => n.Name);
}

async function removeVolumes(
  client: Client,
  name: string,
  project: Project | undefined,
  progress: Progress,
): Promise<string[]> {
  const { Volumes } = await client.volumes.list({ label: [`${LABEL.project}=${name}`] });
  const declared = project && new Set(Object.values(project.volumes).flatMap((v) => (v.external ? [] : [v.name])));
  const mine = (Volumes ?? []).filter((v) => !declared || declared.has(v.Name) || label(v, 'volume') !== undefined);
  await allOrFirst(
    mine.map(async (volume) => {
      const id = `Volume ${volume.Name}`;
      progress.event(id, 'Removing');
      try {
        await ifThere(client.volumes.remove(volume.Name));
        progress.event(id, 'Removed');
      } catch (e) {
        if (!(e instanceof ApiError) || e.status !== 409) throw e;
        progress.event(id, 'Resource is still in use', { state: 'warning' });
      }
    }),
  );
  return mine.map((v) => v.Name);
}

async function removeImages(
  client: Client,
  project: Project,
  which: 'local' | 'all',
  progress: Progress,
): Promise<number> {
  const names = new Set(
    Object.entries(project.services)
      .filter(([, s]) => which === 'all' || s.image === undefined)
      .map(([name, s]) => imageName(project, name, s)),
  );
  let count = 0;
  for (const name of names) {
    try {
      await client.images.remove(name);
      progress.event(`Image ${name}`, 'Removed');
      count++;
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      if (e.status === 404) continue;
      progress.event(`Image ${name}`, e.status === 409 ? 'Resource is still in use' : e.message, { state: 'warning' });
    }
  }
  return count;
}
