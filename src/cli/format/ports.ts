import type { PortSummary } from '../../core/wire/container.ts';

/**
 * The PORTS cell of `ps`: neighbouring ports that are published alike are drawn together, `0.0.0.0:80-82->80-82/tcp`.
 * Source: docker/cli formatter.DisplayablePorts.
 */
export function displayPorts(ports: readonly PortSummary[]): string {
  const sorted = ports.toSorted(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      compare(a.IP ?? '', b.IP ?? '') ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
      compare(a.Type, b.Type),
  );
  const groups = new Map<string, { first: number; last: number }>();
  const closed: string[] = [];
  const mapped: string[] = [];
  for (const port of sorted) {
    const { PrivatePort: current, PublicPort, IP, Type } = port;
    let key = Type;
    if (IP !== undefined && IP !== '') {
      if (PublicPort !== current) {
        mapped.push(`${bracketed(IP)}:${PublicPort ?? 0}->${current}/${Type}`);
        continue;
      }
      key = `${bracketed(IP)}/${Type}`;
    }
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: current, last: current });
    else if (current === group.last + 1) group.last = current;
    else if (current !== group.last) {
      closed.push(groupText(key, group.first, group.last));
      groups.set(key, { first: current, last: current });
    }
  }
  const open = [...groups].map(([key, { first, last }]) => groupText(key, first, last));
  return [...closed, ...open, ...mapped].join(', ');
}

function groupText(key: string, first: number, last: number): string {
  const range = first === last ? String(first) : `${first}-${last}`;
  const slash = key.lastIndexOf('/');
  if (slash < 0) return `${range}/${key}`;
  return `${key.slice(0, slash)}:${range}->${range}/${key.slice(slash + 1)}`;
}

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
