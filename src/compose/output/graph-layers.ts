import { inDependencyOrder } from '../load/index.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';

/** Services in rows: each stands below all that it needs. */
export function layers(project: Project): string[][] {
  const depth = new Map<string, number>();
  for (const name of inDependencyOrder(project.services)) {
    const needs = Object.keys(project.services[name]?.depends_on ?? {}).map((d) => depth.get(d) ?? -1);
    depth.set(name, Math.max(-1, ...needs) + 1);
  }
  const rows: string[][] = [];
  for (const [name, d] of depth) (rows[d] ??= []).push(name);
  return rows.map((row) => row.sort());
}

/** What a box says below a service's name. */
export function factsOf(service: Service): string[] {
  const ports = (service.ports ?? []).map(
    (p) => `${p.host_ip === undefined ? '' : `${p.host_ip}:`}${p.published ?? '*'} → ${p.target}/${p.protocol}`,
  );
  const volumes = (service.volumes ?? []).map(
    (v) => `${v.type === 'bind' ? 'folder' : v.type} ${v.source ?? '(anonymous)'} → ${v.target}`,
  );
  const scale = service.scale ?? service.deploy?.replicas ?? 1;
  return [
    service.image ?? 'built here',
    ...(scale === 1 ? [] : [`× ${scale}`]),
    ...ports,
    ...volumes,
    ...(service.networks ? [`networks: ${Object.keys(service.networks).sort().join(', ')}`] : []),
  ];
}
