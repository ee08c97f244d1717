import { serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { table } from '../output/table.ts';
import { label, numberOf } from '../plan/labels.ts';

export default command({
  usage: 'top [SERVICES...]',
  summary: 'Display the running processes',
  flags: {},
  async run(context, { args }) {
    const { name } = await context.projectOrName(args);
    const containers = (await serviceContainers(context.client, name, args)).filter((c) => c.State === 'running');
    const titles: string[] = [];
    const rows: { service: string; number: string; cells: Map<string, string> }[] = [];
    for (const c of containers) {
      const { Titles, Processes } = await context.client.containers.top(c.Id);
      for (const title of Titles) if (!titles.includes(title)) titles.push(title);
      for (const process of Processes) {
        rows.push({
          service: label(c, 'service') ?? '',
          number: String(numberOf(c)),
          cells: new Map(Titles.map((t, i) => [t, process[i] ?? '-'])),
        });
      }
    }
    const ordered = [
      ...titles.filter((t) => t !== 'CMD' && t !== 'COMMAND'),
      ...titles.filter((t) => t === 'CMD' || t === 'COMMAND'),
    ];
    context.io.stdout.write(
      table(
        ['SERVICE', '#', ...ordered],
        rows.map((r) => [r.service, r.number, ...ordered.map((t) => r.cells.get(t) ?? '-')]),
        4,
        2,
      ),
    );
    return 0;
  },
});
