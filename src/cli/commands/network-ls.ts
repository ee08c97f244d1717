import { shortId } from '../../core/ids.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { labelText } from '../format/container-row.ts';
import { naturalOrder } from '../format/natural-order.ts';
import { printRows, type Layout } from '../format/formatter.ts';
import { goTimeOf } from '../format/human.ts';
import { filterPairs } from '../spec/pairs.ts';
import { tableFormat } from '../format/format-flag.ts';

const LAYOUT = {
  headings: {
    ID: 'NETWORK ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    IPv4: 'IPV4',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    Labels: 'LABELS',
    CreatedAt: 'CREATED AT',
  },
  columns: ['ID', 'Name', 'Driver', 'Scope'],
  quietField: 'ID',
  type: '*network.networkContext',
  raw: 'network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n',
  quietRaw: 'network_id: {{.ID}}',
} satisfies Layout;

export const list = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    filter: flag.filter('-f, --filter', 'Provide filter values (e.g. "driver=bridge")'),
    format: tableFormat(),
    noTrunc: flag.bool('--no-trunc', 'Do not truncate the output'),
    quiet: flag.bool('-q, --quiet', 'Only display network IDs'),
  },
  async run({ options }, context) {
    const networks = await context.client.networks.list(filterPairs(options.filter));
    const rows = networks
      .toSorted((a, b) => naturalOrder(a.Name, b.Name))
      .map((n) => ({
        ID: () => (options.noTrunc ? n.Id : shortId(n.Id)),
        Name: () => n.Name,
        Driver: () => n.Driver,
        Scope: () => n.Scope,
        IPv4: () => String(n.EnableIPv4 ?? true),
        IPv6: () => String(n.EnableIPv6),
        Internal: () => String(n.Internal),
        Labels: () => labelText(n.Labels),
        Label: (key: string) => n.Labels?.[key] ?? '',
        CreatedAt: () => goTimeOf(n.Created),
      }));
    const format = options.format ?? (options.quiet ? undefined : context.config.networksFormat || undefined);
    await printRows(context, rows, LAYOUT, { ...options, format });
    return 0;
  },
});
