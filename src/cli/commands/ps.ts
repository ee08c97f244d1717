import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { CONTAINER_LAYOUT, containerRow } from '../format/container-row.ts';
import { printRows } from '../format/formatter.ts';
import { filterPairs } from '../spec/pairs.ts';
import { tableFormat } from '../format/format-flag.ts';

export const ps = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  examples: [
    ['Those that have ended as well', 'wharf ps -a'],
    ['Names and ports only', "wharf ps --format 'table {{.Names}}\\t{{.Ports}}'"],
    ['IDs of those that have ended', 'wharf ps -aq -f status=exited'],
  ],
  options: {
    all: flag.bool('-a, --all', 'Show all containers (default shows just running)'),
    filter: flag.filter('-f, --filter', 'Filter output based on conditions provided'),
    format: tableFormat(),
    last: flag.int('-n, --last', 'Show n last created containers (includes all states)', { default: '-1' }),
    latest: flag.bool('-l, --latest', 'Show the latest created container (includes all states)'),
    noTrunc: flag.bool('--no-trunc', "Don't truncate output"),
    quiet: flag.bool('-q, --quiet', 'Only display container IDs'),
    size: flag.bool('-s, --size', 'Display total file sizes'),
  },
  async run({ options }, context) {
    if (options.quiet && options.format !== undefined) {
      context.warn('WARNING: Ignoring custom format, because both --format and --quiet are set.');
    }
    const custom = options.quiet && options.format !== 'raw' ? undefined : options.format;
    const format = custom ?? (options.quiet ? undefined : context.config.psFormat || undefined);
    const limit = options.latest ? 1 : (options.last ?? -1);
    const containers = await context.client.containers.list({
      all: options.all,
      size: options.size || (format !== 'raw' && /\.Size|json \.[ }]/.test(format ?? '')),
      ...(limit > 0 ? { limit } : {}),
      filters: filterPairs(options.filter),
    });
    const now = new Date();
    const layout = options.size
      ? {
          ...CONTAINER_LAYOUT,
          columns: [...CONTAINER_LAYOUT.columns, 'Size'],
          raw: `${CONTAINER_LAYOUT.raw}size: {{.Size}}\n`,
        }
      : CONTAINER_LAYOUT;
    const rows = containers.map((c) => containerRow(c, options.noTrunc, now));
    await printRows(context, rows, layout, { format, quiet: options.quiet });
    return 0;
  },
});
