import { nameOf } from '../apply/observe.ts';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { engineCommand, oneContainer } from './one-container.ts';

export default command({
  usage: 'export [OPTIONS] SERVICE',
  summary: "Export a service container's filesystem as a tar archive",
  flags: {
    index: { names: '--index', value: 'int', help: 'index of the container if service has multiple replicas.' },
    output: { names: '-o, --output', value: 'string', help: 'Write to a file, instead of STDOUT' },
  },
  async run(context, { flags, args }) {
    const [service] = args;
    if (service === undefined || args.length > 1)
      throw composeUsage({ message: '"wharf compose export" requires exactly 1 argument: SERVICE' });
    const container = await oneContainer(context, service, flags.index);
    using progress = context.progress('Exporting');
    const name = nameOf(container);
    const about = `export ${name} to ${flags.output ?? ''}`;
    progress.event(name, 'Exporting', { about });
    const code = context.dry
      ? 0
      : await engineCommand(context, [
          'export',
          ...(flags.output === undefined ? [] : [`--output=${flags.output}`]),
          container.Id,
        ]);
    if (code === 0) progress.event(name, 'Exported', { about });
    return code;
  },
});
