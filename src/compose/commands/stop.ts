import { serviceContainers } from '../apply/observe.ts';
import { stopAll } from '../apply/stop.ts';
import { command } from '../context.ts';
import { wholeNumber } from '../flags.ts';

export default command({
  usage: 'stop [OPTIONS] [SERVICE...]',
  summary: 'Stop services',
  flags: { timeout: { names: '-t, --timeout', value: 'int', help: 'Specify a shutdown timeout in seconds' } },
  async run(context, { flags, args }) {
    const { name, project } = await context.projectOrName(args);
    const containers = await serviceContainers(context.client, name, args);
    using progress = context.progress('Stopping');
    await stopAll(context.client, project, containers, progress, wholeNumber(flags.timeout, '-t, --timeout'));
    return 0;
  },
});
