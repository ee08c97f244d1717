import type { ContainerSummary } from '../../core/wire/container.ts';
import type { Project } from '../model/project.ts';
import { dependenciesInLabel, label } from '../plan/labels.ts';
import { allOrFirst } from './all-or-first.ts';

/** Which services each service needs. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** From the project if there is one, and from the labels of containers. */
export function graphOf(project: Project | undefined, containers: readonly ContainerSummary[]): Graph {
  const graph = new Map<string, readonly string[]>();
  for (const c of containers) {
    const service = label(c, 'service');
    if (service !== undefined) graph.set(service, dependenciesInLabel(label(c, 'dependsOn')));
  }
  for (const [name, service] of Object.entries(project?.services ?? {}))
    graph.set(name, Object.keys(service.depends_on ?? {}));
  return graph;
}

/**
 * Does something for each service, independent ones together: those needed before those that need them, or the other
 * way round. All are waited for; the first failure is thrown.
 */
export async function walk(
  graph: Graph,
  services: readonly string[],
  direction: 'dependencies-first' | 'dependents-first',
  work: (service: string) => Promise<void>,
): Promise<void> {
  const running = new Map<string, Promise<void>>();
  const before = (service: string): string[] =>
    direction === 'dependencies-first'
      ? [...(graph.get(service) ?? [])]
      : [...graph].filter(([, needs]) => needs.includes(service)).map(([name]) => name);
  const run = (service: string, trail: readonly string[]): Promise<void> => {
    const known = running.get(service);
    if (known) return known;
    const waits = before(service).filter((s) => services.includes(s) && !trail.includes(s));
    const promise = (async () => {
      // One that failed does not keep the others: what can be released is released.
      await Promise.allSettled(waits.map((s) => run(s, [...trail, service])));
      await work(service);
    })();
    running.set(service, promise);
    return promise;
  };
  await allOrFirst(services.map((s) => run(s, [])));
}
