import { nameOf, projectContainers } from '../apply/observe.ts';
import { command, noSuchService } from '../context.ts';
import type { FormatRow } from '../io.ts';
import { composeUsage } from '../errors.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import { humanDuration } from '../../core/human.ts';
import { ellipsis } from '../output/human.ts';
import { formatPorts } from '../output/ports.ts';
import { table } from '../output/table.ts';
import { isOneOff, label } from '../plan/labels.ts';

export default command({
  usage: 'ps [OPTIONS] [SERVICE...]',
  summary: 'List containers',
  flags: {
    all: { names: '-a, --all', help: 'Show all stopped containers (including those created by the run command)' },
    filter: { names: '--filter', value: 'string', help: 'Filter services by a property (supported filters: status)' },
    format: { names: '--format', value: 'string', help: "Format output: 'table', 'json' or a template of {{.Field}}s" },
    noTrunc: { names: '--no-trunc', help: "Don't truncate output" },
    orphans: { names: '--orphans', help: 'Include orphaned services (not declared by project)', hidden: true },
    quiet: { names: '-q, --quiet', help: 'Only display IDs' },
    services: { names: '--services', help: 'Display services' },
    status: {
      names: '--status',
      value: 'stringArray',
      many: true,
      help: 'Filter services by status. Values: [paused | restarting | removing | running | dead | created | exited]',
    },
  },
  async run(context, { flags, args }) {
    const { name, project } = await context.projectOrName();
    const statuses = [...flags.status, ...(flags.filter === undefined ? [] : [filterStatus(flags.filter)])];
    const all = await projectContainers(context.client, name);
    const known = new Set([...all.map((c) => label(c, 'service') ?? ''), ...Object.keys(project?.services ?? {})]);
    for (const service of args) if (!known.has(service)) throw noSuchService(service, [...known]);
    const chosen = all
      .filter((c) => args.length === 0 || args.includes(label(c, 'service') ?? ''))
      .filter((c) =>
        statuses.length > 0
          ? statuses.includes(c.State)
          : flags.all || (!isOneOff(c) && ['running', 'paused', 'restarting'].includes(c.State)),
      )
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    if (flags.quiet) {
      for (const c of chosen) context.print(c.Id);
      return 0;
    }
    if (flags.services) {
      for (const service of new Set(chosen.map((c) => label(c, 'service') ?? ''))) context.print(service);
      return 0;
    }
    const format = flags.format ?? 'table';
    if (format === 'json') for (const c of chosen) context.print(JSON.stringify(asJson(c, flags.noTrunc)));
    else if (format === 'table') {
      context.io.stdout.write(
        table(
          ['NAME', 'IMAGE', 'COMMAND', 'SERVICE', 'CREATED', 'STATUS', 'PORTS'],
          chosen.map((c) => row(c, flags.noTrunc)),
        ),
      );
    } else {
      const rows = chosen.map((c) => asRow(c, flags.noTrunc));
      context.io.stdout.write(await context.format(rows, { headings: HEADINGS, columns: [] }, format));
    }
    return 0;
  },
});

function filterStatus(filter: string): string {
  const [key, value = ''] = filter.split('=');
  if (key !== 'status') throw composeUsage({ message: `unknown filter ${key ?? ''}` });
  return value;
}

function commandOf(c: ContainerSummary, whole: boolean): string {
  return JSON.stringify(whole ? c.Command : ellipsis(c.Command, 20));
}

function created(c: ContainerSummary): string {
  return `${humanDuration(Date.now() / 1000 - c.Created)} ago`;
}

function row(c: ContainerSummary, whole: boolean): string[] {
  return [
    nameOf(c),
    c.Image,
    commandOf(c, whole),
    label(c, 'service') ?? '',
    created(c),
    c.Status,
    formatPorts(c.Ports),
  ];
}

/** Fields of docker compose's `ps --format json`, keys in order. */
function asJson(c: ContainerSummary, whole: boolean): Record<string, unknown> {
  const exit = /^Exited \((\d+)\)/.exec(c.Status);
  const health = /\((healthy|unhealthy|health: starting)\)/.exec(c.Status)?.[1]?.replace('health: ', '') ?? '';
  const labels = Object.entries(c.Labels)
    .map(([k, v]) => `${k}=${v}`)
    .sort()
    .join(',');
  return {
    Command: commandOf(c, whole),
    CreatedAt: `${new Date(c.Created * 1000)
      .toISOString()
      .replace('T', ' ')
      .replace(/\.\d+Z/, '')} +0000 UTC`,
    ExitCode: Number(exit?.[1] ?? 0),
    Health: health,
    ID: whole ? c.Id : c.Id.slice(0, 12),
    Image: c.Image,
    Labels: labels,
    LocalVolumes: String(c.Mounts.filter((m) => m.Type === 'volume').length),
    Mounts: c.Mounts.map((m) => m.Name ?? m.Source).join(','),
    Name: nameOf(c),
    Names: nameOf(c),
    Networks: Object.keys(c.NetworkSettings.Networks).sort().join(','),
    Ports: formatPorts(c.Ports),
    Project: label(c, 'project') ?? '',
    Publishers: c.Ports.map((p) => ({
      URL: p.IP ?? '',
      TargetPort: p.PrivatePort,
      PublishedPort: p.PublicPort ?? 0,
      Protocol: p.Type,
    })),
    RunningFor: created(c),
    Service: label(c, 'service') ?? '',
    Size: '0B',
    State: c.State,
    Status: c.Status,
  };
}

const HEADINGS = {
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  ExitCode: 'EXIT CODE',
  Health: 'HEALTH',
  ID: 'CONTAINER ID',
  Image: 'IMAGE',
  Labels: 'LABELS',
  LocalVolumes: 'LOCAL VOLUMES',
  Mounts: 'MOUNTS',
  Name: 'NAME',
  Names: 'NAMES',
  Networks: 'NETWORKS',
  Ports: 'PORTS',
  Project: 'PROJECT',
  RunningFor: 'CREATED',
  Service: 'SERVICE',
  Size: 'SIZE',
  State: 'STATE',
  Status: 'STATUS',
};

/** What a template sees of a container: the fields of the JSON, and `.Label "key"`. */
function asRow(c: ContainerSummary, whole: boolean): FormatRow {
  const fields = Object.entries(asJson(c, whole)).map(([key, value]) => [key, () => value] as const);
  return { ...Object.fromEntries(fields), Label: (key: string) => c.Labels[key] ?? '' };
}
