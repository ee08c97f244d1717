import type { PortSummary } from '../../core/wire/container.ts';

/** `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp`; runs of ports of one address are written as a range. */
export function formatPorts(ports: readonly PortSummary[]): string {
  const sorted = [...ports].sort(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      cmp(a.Type, b.Type) ||
      cmp(a.IP ?? '', b.IP ?? '') ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0),
  );
  const groups: { ip: string; type: string; published: boolean; first: [number, number]; last: [number, number] }[] =
    [];
  for (const port of sorted) {
    const pub = port.PublicPort ?? 0;
    const same = groups.find(
      (g) =>
        g.ip === (port.IP ?? '') &&
        g.type === port.Type &&
        g.published === pub > 0 &&
        g.last[0] + 1 === port.PrivatePort &&
        (pub === 0 || g.last[1] + 1 === pub),
    );
    if (same) same.last = [port.PrivatePort, pub];
    else
      groups.push({
        ip: port.IP ?? '',
        type: port.Type,
        published: pub > 0,
        first: [port.PrivatePort, pub],
        last: [port.PrivatePort, pub],
      });
  }
  const range = (a: number, b: number): string => (a === b ? String(a) : `${a}-${b}`);
  return groups
    .map((g) => {
      const inner = `${range(g.first[0], g.last[0])}/${g.type}`;
      if (!g.published) return inner;
      const ip = g.ip.includes(':') ? `[${g.ip}]` : g.ip;
      return `${ip}:${range(g.first[1], g.last[1])}->${inner}`;
    })
    .join(', ');
}

function cmp(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
