import type { Service } from '../model/service.ts';

/** Names of services, dependencies before those who need them, else alphabetical. */
export function inDependencyOrder(services: Readonly<Record<string, Service>>): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name) || !services[name]) return;
    seen.add(name);
    for (const dependency of Object.keys(services[name].depends_on ?? {}).sort()) visit(dependency);
    order.push(name);
  };
  for (const name of Object.keys(services).sort()) visit(name);
  return order;
}

/** The named services and everything that they depend on. */
export function withDependencies(names: readonly string[], services: Readonly<Record<string, Service>>): Set<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name) || !services[name]) return;
    found.add(name);
    for (const dependency of Object.keys(services[name].depends_on ?? {})) visit(dependency);
  };
  for (const name of names) visit(name);
  return found;
}
