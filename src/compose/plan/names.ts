import type { Service } from '../model/service.ts';

/** The image a service runs: its own name for it, or `project-service` for one that is built. */
export function imageName(project: string, name: string, service: Service): string {
  return service.image ?? `${project}-${name}`;
}

export function containerName(project: string, name: string, service: Service, number: number): string {
  return service.container_name ?? `${project}-${name}-${number}`;
}

/** How logs and tables name a container: without the project in front. */
export function displayName(project: string, container: string): string {
  const name = container.replace(/^\//, '');
  return name.startsWith(`${project}-`) ? name.slice(project.length + 1) : name;
}

/** The name of a container that is being replaced by one that wants its name. */
export function temporaryName(oldId: string, name: string): string {
  return `${oldId.slice(0, 12)}_${name}`;
}
