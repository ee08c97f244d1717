import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { labelText } from '../format/container-row.ts';
import { naturalOrder } from '../format/natural-order.ts';
import { printRows, type Layout } from '../format/formatter.ts';
import { humanSize } from '../format/human.ts';
import { filterPairs } from '../spec/pairs.ts';
import { tableFormat } from '../format/format-flag.ts';

const LAYOUT = {
  headings: {
    Name: 'VOLUME NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
    Group: 'GROUP',
    Availability: 'AVAILABILITY',
    Status: 'STATUS',
  },
  columns: ['Driver', 'Name'],
  quietField: 'Name',
  type: '*formatter.volumeContext',
  raw: 'name: {{.Name}}\ndriver: {{.Driver}}\n',
  quietRaw: 'name: {{.Name}}',
} satisfies Layout;

export const list = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    filter: flag.filter('-f, --filter', 'Provide filter values (e.g. "dangling=true")'),
    format: tableFormat(),
    quiet: flag.bool('-q, --quiet', 'Only display volume names'),
  },
  async run({ options }, context) {
    const { Volumes, Warnings } = await context.client.volumes.list(filterPairs(options.filter));
    const rows = (Volumes ?? [])
      .toSorted((a, b) => naturalOrder(a.Name, b.Name))
      .map((v) => ({
        Name: () => v.Name,
        Driver: () => v.Driver,
        Scope: () => v.Scope,
        Mountpoint: () => v.Mountpoint,
        Labels: () => labelText(v.Labels),
        Label: (key: string) => v.Labels?.[key] ?? '',
        Links: () => (v.UsageData === undefined ? 'N/A' : String(v.UsageData.RefCount)),
        Size: () => (v.UsageData === undefined ? 'N/A' : humanSize(v.UsageData.Size, 4)),
        Group: () => 'N/A',
        Availability: () => 'N/A',
        Status: () => 'N/A',
      }));
    const format = options.format ?? (options.quiet ? undefined : context.config.volumesFormat || undefined);
    await printRows(context, rows, LAYOUT, { ...options, format });
    for (const warning of Warnings ?? []) context.warn(`WARNING: ${warning}`);
    return 0;
  },
});
