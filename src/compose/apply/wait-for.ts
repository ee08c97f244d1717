import type { Client } from '../../client/index.ts';
import { composeFailed } from '../errors.ts';
import type { DependencyCondition } from '../model/service.ts';
import { label } from '../plan/labels.ts';
import { nameOf, serviceContainers } from './observe.ts';
import { untilEvents } from './project-events.ts';
import type { Progress } from '../output/progress.ts';

/**
 * Waits until a service is as others need it.
 * @throws {WharfError} `COMPOSE_FAILED`: `dependency failed to start: container X is unhealthy`
 */
export async function waitForService(
  client: Client,
  project: string,
  service: string,
  condition: DependencyCondition,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const containers = await serviceContainers(client, project, [service]);
  for (const c of containers) progress.event(`Container ${nameOf(c)}`, 'Waiting');
  if (condition === 'service_completed_successfully') {
    await untilEvents(client, project, signal, async () => {
      for (const c of containers) {
        const { State } = await client.containers.inspect(c.Id);
        if (State.Status !== 'exited') continue;
        progress.event(`Container ${nameOf(c)}`, 'Exited', State.ExitCode === 0 ? {} : { state: 'error' });
        if (State.ExitCode === 0) return true;
        throw composeFailed({ message: `service "${service}" didn't complete successfully: exit ${State.ExitCode}` });
      }
      return undefined;
    });
    return;
  }
  await Promise.all(
    containers.map(async (c) => {
      const name = nameOf(c);
      try {
        await waitHealthy(client, project, c.Id, name, signal);
        progress.event(`Container ${name}`, 'Healthy');
      } catch (e) {
        progress.event(`Container ${name}`, 'Error', { state: 'error' });
        throw e;
      }
    }),
  );
}

/** @throws {WharfError} `COMPOSE_FAILED` if the container is or becomes unhealthy, ends, or has no health check */
async function waitHealthy(
  client: Client,
  project: string,
  id: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await untilEvents(client, project, signal, async () => {
    const { State } = await client.containers.inspect(id);
    const fail = (what: string): never => {
      throw composeFailed({ message: `dependency failed to start: container ${name} ${what}` });
    };
    if (State.Status === 'exited' || State.Status === 'dead') return fail(`exited (${State.ExitCode})`);
    if (!State.Health || State.Health.Status === 'none')
      return State.Status === 'running' ? fail('has no healthcheck configured') : undefined;
    if (State.Health.Status === 'unhealthy') return fail('is unhealthy');
    return State.Health.Status === 'healthy' ? true : undefined;
  });
}

/**
 * `up --wait`: every container of these services runs, or is healthy if it has a health check, or has ended well if others
 * wait for its completion.
 * @throws {WharfError} `COMPOSE_FAILED`
 */
export async function waitAllReady(
  client: Client,
  project: string,
  services: readonly string[],
  mayComplete: ReadonlySet<string>,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const containers = await serviceContainers(client, project, services);
  await Promise.all(
    containers.map(async (c) => {
      const name = nameOf(c);
      progress.event(`Container ${name}`, 'Waiting');
      const outcome = await untilEvents(client, project, signal, async () => {
        const { State } = await client.containers.inspect(c.Id);
        if (State.Status === 'exited' || State.Status === 'dead') {
          if (State.ExitCode === 0 && mayComplete.has(label(c, 'service') ?? '')) return 'Exited';
          progress.event(`Container ${name}`, 'Error', { state: 'error' });
          throw composeFailed({ message: `container ${name} exited (${State.ExitCode})` });
        }
        if (State.Health?.Status === 'unhealthy') {
          progress.event(`Container ${name}`, 'Error', { state: 'error' });
          throw composeFailed({ message: `container ${name} is unhealthy` });
        }
        if (State.Health && State.Health.Status !== 'none')
          return State.Health.Status === 'healthy' ? 'Healthy' : undefined;
        return State.Status === 'running' ? 'Healthy' : undefined;
      });
      progress.event(`Container ${name}`, outcome);
    }),
  );
}
