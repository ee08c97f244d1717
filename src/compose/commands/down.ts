import { down } from '../apply/down.ts';
import { nameOf } from '../apply/observe.ts';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { wholeNumber } from '../flags.ts';

export default command({
  usage: 'down [OPTIONS] [SERVICES]',
  summary: 'Stop and remove containers, networks',
  flags: {
    removeOrphans: {
      names: '--remove-orphans',
      help: 'Remove containers for services not defined in the Compose file',
    },
    rmi: {
      names: '--rmi',
      value: 'string',
      help: 'Remove images used by services. "local" remove only images that don\'t have a custom tag ("local"|"all")',
    },
    timeout: { names: '-t, --timeout', value: 'int', help: 'Specify a shutdown timeout in seconds' },
    volumes: {
      names: '-v, --volumes, --volume',
      help: 'Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers',
    },
  },
  async run(context, { flags, args }) {
    const { rmi } = flags;
    if (rmi !== undefined && rmi !== 'local' && rmi !== 'all')
      throw composeUsage({ message: `invalid value for --rmi: ${JSON.stringify(rmi)}` });
    const { name, project } = await context.projectOrName(args);
    using progress = context.progress('Running');
    const { orphans, found } = await down(
      context.client,
      name,
      project,
      {
        services: args,
        volumes: flags.volumes,
        removeOrphans: flags.removeOrphans || /^(1|t|true|y)$/i.test(context.io.env['COMPOSE_REMOVE_ORPHANS'] ?? ''),
        images: rmi,
        timeoutSeconds: wholeNumber(flags.timeout, '-t, --timeout'),
      },
      progress,
    );
    progress.close();
    if (orphans.length > 0) {
      context.warn(
        `Found orphan containers ([${orphans.map(nameOf).join(' ')}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
      );
    }
    if (!found) context.io.stderr.write(`Warning: No resource found to remove for project "${name}".\n`);
    return 0;
  },
});
