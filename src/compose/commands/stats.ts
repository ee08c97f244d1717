import { nameOf, serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { engineCommand } from './one-container.ts';

export default command({
  usage: 'stats [OPTIONS] [SERVICE]',
  summary: 'Display a live stream of container(s) resource usage statistics',
  flags: {
    all: { names: '-a, --all', help: 'Show all containers (default shows just running)' },
    format: {
      names: '--format',
      value: 'string',
      help: "Format output: 'table', 'table TEMPLATE', 'json' or a template",
    },
    noStream: { names: '--no-stream', help: 'Disable streaming stats and only pull the first result' },
    noTrunc: { names: '--no-trunc', help: 'Do not truncate output' },
  },
  async run(context, { flags, args }) {
    const containers = await serviceContainers(context.client, await context.projectName(), args);
    const chosen = containers.filter((c) => flags.all || c.State === 'running');
    // Without names the engine's command would show every container there is.
    if (chosen.length === 0) {
      context.io.stderr.write('No running containers\n');
      return 0;
    }
    return await engineCommand(context, [
      'stats',
      ...(flags.all ? ['--all'] : []),
      ...(flags.format === undefined ? [] : [`--format=${flags.format}`]),
      ...(flags.noStream ? ['--no-stream'] : []),
      ...(flags.noTrunc ? ['--no-trunc'] : []),
      ...chosen.map(nameOf),
    ]);
  },
});
