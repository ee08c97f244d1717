import { command } from '../context.ts';
import { table } from '../output/table.ts';
import { LABEL } from '../plan/labels.ts';

export default command({
  usage: 'volumes [OPTIONS] [SERVICE...]',
  summary: 'List volumes',
  flags: {
    format: { names: '--format', value: 'string', help: 'Format the output. Values: [table | json]' },
    quiet: { names: '-q, --quiet', help: 'Only display volume names' },
  },
  async run(context, { flags }) {
    const { name } = await context.projectOrName();
    const { Volumes } = await context.client.volumes.list({ label: [`${LABEL.project}=${name}`] });
    const volumes = [...(Volumes ?? [])].sort((a, b) => (a.Name < b.Name ? -1 : 1));
    if (flags.quiet) for (const v of volumes) context.print(v.Name);
    else if (flags.format === 'json') for (const v of volumes) context.print(JSON.stringify(v));
    else
      context.io.stdout.write(
        table(
          ['DRIVER', 'VOLUME NAME'],
          volumes.map((v) => [v.Driver, v.Name]),
        ),
      );
    return 0;
  },
});
