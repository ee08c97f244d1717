import type { Service } from '../model/service.ts';

/** What names are made from; the separator is `_` where docker-compose 1 is to be followed. */
export interface Naming {
  readonly name: string;
  readonly separator: '-' | '_';
}

/** The image a service runs: its own name for it, or `project-service` for one that is built. */
export function imageName(project: Naming, name: string, service: Service): string {
  return service.image ?? [project.name, name].join(project.separator);
}

export function containerName(project: Naming, name: string, service: Service, number: number): string {
  return service.container_name ?? [project.name, name, number].join(project.separator);
}

/** How logs and tables name a container: without the project in front. */
export function displayName(project: string, container: string): string {
  const name = container.replace(/^\//, '');
  return name.startsWith(`${project}-`) || name.startsWith(`${project}_`) ? name.slice(project.length + 1) : name;
}

/** The name of a container that is being replaced by one that wants its name. */
export function temporaryName(oldId: string, name: string): string {
  return `${oldId.slice(0, 12)}_${name}`;
}
