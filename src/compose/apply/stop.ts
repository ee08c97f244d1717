import type { Client } from '../../client/index.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { Project } from '../model/project.ts';
import type { Progress } from '../output/progress.ts';
import { label } from '../plan/labels.ts';
import { graphOf, walk } from './graph.ts';
import { ifThere, timeoutOf } from './hands.ts';
import { allOrFirst } from './all-or-first.ts';
import { runHooks } from './hooks.ts';
import { nameOf } from './observe.ts';

export const LIVE: ReadonlySet<string> = new Set(['running', 'restarting', 'paused']);

/** Does something to each container, dependents before what they need. */
export async function forEachBackwards(
  project: Project | undefined,
  containers: readonly ContainerSummary[],
  work: (container: ContainerSummary) => Promise<void>,
): Promise<void> {
  const graph = graphOf(project, containers);
  const services = [...new Set(containers.map((c) => label(c, 'service') ?? ''))];
  await walk(graph, services, 'dependents-first', (service) =>
    allOrFirst(containers.filter((c) => (label(c, 'service') ?? '') === service).map(work)),
  );
}

/** Stops one, after the commands that its service wants run before. */
export function stopContainer(
  client: Client,
  project: Project | undefined,
  container: ContainerSummary,
  progress: Progress,
  timeoutSeconds: number | undefined,
): Promise<void> {
  const name = `Container ${nameOf(container)}`;
  return progress.during(name, 'Stopping', 'Stopped', async () => {
    await runPreStop(client, project, container);
    await ifThere(client.containers.stop(container.Id, timeoutOf(timeoutSeconds)));
  });
}

/** Runs the `pre_stop` commands of a container's service, if it runs. */
export async function runPreStop(
  client: Client,
  project: Project | undefined,
  container: ContainerSummary,
): Promise<void> {
  const service = label(container, 'service') ?? '';
  const hooks = project?.services[service]?.pre_stop ?? [];
  if (container.State === 'running') await runHooks(client, container.Id, service, hooks);
}

/** Stops what runs, dependents first. */
export async function stopAll(
  client: Client,
  project: Project | undefined,
  containers: readonly ContainerSummary[],
  progress: Progress,
  timeoutSeconds: number | undefined,
): Promise<void> {
  await forEachBackwards(
    project,
    containers.filter((c) => LIVE.has(c.State)),
    (c) => stopContainer(client, project, c, progress, timeoutSeconds),
  );
}
