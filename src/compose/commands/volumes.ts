import { serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { LABEL } from '../plan/labels.ts';

const LAYOUT = {
  columns: ['Driver', 'Name'],
  headings: {
    Driver: 'DRIVER',
    Name: 'VOLUME NAME',
    Labels: 'LABELS',
    Links: 'LINKS',
    Mountpoint: 'MOUNTPOINT',
    Scope: 'SCOPE',
    Size: 'SIZE',
  },
};
/** Fields that only other kinds of volumes, or a look at the disk, would fill. */
const NONE = ['Availability', 'Group', 'Links', 'Size', 'Status'];

export default command({
  usage: 'volumes [OPTIONS] [SERVICE...]',
  summary: 'List volumes',
  flags: {
    format: {
      names: '--format',
      value: 'string',
      help: "Format output: 'table', 'table TEMPLATE', 'json' or a template",
    },
    quiet: { names: '-q, --quiet', help: 'Only display volume names' },
  },
  async run(context, { flags, args }) {
    const { name } = await context.projectOrName(args);
    const { Volumes } = await context.client.volumes.list({ label: [`${LABEL.project}=${name}`] });
    const containers = args.length > 0 ? await serviceContainers(context.client, name, args) : [];
    const mounted = new Set(containers.flatMap((c) => c.Mounts.map((m) => m.Name)));
    const volumes = (Volumes ?? [])
      .filter((v) => args.length === 0 || mounted.has(v.Name))
      .sort((a, b) => (a.Name < b.Name ? -1 : 1));
    if (flags.quiet) {
      for (const v of volumes) context.print(v.Name);
      return 0;
    }
    const rows = volumes.map((v) => ({
      ...Object.fromEntries(NONE.map((field) => [field, () => 'N/A'])),
      Driver: () => v.Driver,
      Labels: () =>
        Object.entries(v.Labels ?? {})
          .map(([k, value]) => `${k}=${value}`)
          .join(','),
      Label: (key: string) => v.Labels?.[key] ?? '',
      Mountpoint: () => v.Mountpoint,
      Name: () => v.Name,
      Scope: () => v.Scope,
    }));
    context.io.stdout.write(await context.format(rows, LAYOUT, flags.format ?? 'table'));
    return 0;
  },
});
