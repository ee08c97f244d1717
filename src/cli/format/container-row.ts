import { familiar, parseReference } from '../../core/reference.ts';
import { shortId } from '../../core/ids.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { Layout, Row } from './formatter.ts';
import { ellipsis, goTime, humanDuration, humanSize } from './human.ts';
import { displayPorts } from './ports.ts';
import { goQuote } from './print-value.ts';

export const CONTAINER_LAYOUT = {
  headings: {
    ID: 'CONTAINER ID',
    Names: 'NAMES',
    Image: 'IMAGE',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Ports: 'PORTS',
    State: 'STATE',
    Status: 'STATUS',
    Size: 'SIZE',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
    Platform: 'PLATFORM',
  },
  columns: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
  quietField: 'ID',
  type: '*formatter.ContainerContext',
  failure: 'failed to execute template',
  raw: 'container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n',
  quietRaw: 'container_id: {{.ID}}',
} satisfies Layout;

/** A container as `ps` shows it. */
export function containerRow(c: ContainerSummary, full: boolean, now: Date): Row {
  const names = c.Names.map((n) => n.replace(/^\//, ''));
  return {
    ID: () => (full ? c.Id : shortId(c.Id)),
    Names: () => (full ? names : names.filter((n) => !n.includes('/'))).join(','),
    Image: () => imageText(c, full),
    Command: () => goQuote(full ? c.Command : ellipsis(c.Command, 20)),
    CreatedAt: () => goTime(c.Created),
    RunningFor: () => `${humanDuration(now.getTime() / 1000 - c.Created)} ago`,
    Ports: () => displayPorts(c.Ports ?? []),
    State: () => c.State,
    Status: () => c.Status,
    Size: () => {
      const own = humanSize(c.SizeRw ?? 0, 3);
      return (c.SizeRootFs ?? 0) > 0 ? `${own} (virtual ${humanSize(c.SizeRootFs ?? 0, 3)})` : own;
    },
    Labels: () => labelText(c.Labels),
    Label: (key: string) => c.Labels?.[key] ?? '',
    Mounts: () =>
      (c.Mounts ?? [])
        .map((m) => (m.Name === undefined || m.Name === '' ? m.Source : m.Name))
        .map((text) => (full ? text : ellipsis(text, 15)))
        .join(','),
    LocalVolumes: () => String((c.Mounts ?? []).filter((m) => m.Driver === 'local').length),
    Networks: () =>
      Object.keys(c.NetworkSettings?.Networks ?? {})
        .toSorted()
        .join(','),
    Platform: () => null,
  };
}

/** `k=v` pairs, joined by commas. */
export function labelText(labels: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(labels ?? {})
    .map(([k, v]) => `${k}=${v}`)
    .toSorted()
    .join(',');
}

function imageText(c: ContainerSummary, full: boolean): string {
  if (c.Image === '') return '<no image>';
  if (full) return c.Image;
  if (c.Image === c.ImageID || /^sha256:[a-f0-9]{64}$/.test(c.Image)) return shortId(c.Image);
  try {
    return familiar({ ...parseReference(c.Image), digest: undefined });
  } catch {
    return c.Image;
  }
}
