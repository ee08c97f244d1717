import type { Project } from '../model/project.ts';
import { factsOf, layers } from './graph-layers.ts';

/** A drawing for a terminal: a box for each service, those it needs above it. */
export function inTerminal(project: Project): string {
  const lines: string[] = [`${project.name}`, ''];
  for (const [i, row] of layers(project).entries()) {
    if (i > 0) lines.push('');
    for (const name of row) {
      const service = project.services[name] ?? {};
      const facts = factsOf(service);
      const width = Math.max(name.length, ...facts.map((f) => Array.from(f).length));
      const needs = Object.entries(service.depends_on ?? {}).map(
        ([n, { condition }]) =>
          `${n}${condition === 'service_started' ? '' : ` (${condition.replace('service_', '')})`}`,
      );
      const pad = '  '.repeat(i);
      lines.push(`${pad}┌─${'─'.repeat(width)}─┐`);
      lines.push(`${pad}│ ${name.padEnd(width)} │${needs.length > 0 ? ` ◀─ needs ${needs.sort().join(', ')}` : ''}`);
      for (const fact of facts) lines.push(`${pad}│ ${fact}${' '.repeat(width - Array.from(fact).length)} │`);
      lines.push(`${pad}└─${'─'.repeat(width)}─┘`);
    }
  }
  const networks = Object.entries(project.networks).map(
    ([key, n]) => `${key}${n.external ? ' (external)' : n.internal ? ' (internal)' : ''}`,
  );
  const volumes = Object.entries(project.volumes).map(([key, v]) => `${key}${v.external ? ' (external)' : ''}`);
  if (networks.length > 0) lines.push('', `networks: ${networks.sort().join(', ')}`);
  if (volumes.length > 0) lines.push(`volumes:  ${volumes.sort().join(', ')}`);
  return `${lines.join('\n')}\n`;
}
