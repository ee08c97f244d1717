import { familiarName, parseReference } from '../../core/reference.ts';
import { nameOf } from '../apply/observe.ts';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { oneContainer } from './one-container.ts';

export default command({
  usage: 'commit [OPTIONS] SERVICE [REPOSITORY[:TAG]]',
  summary: "Create a new image from a service container's changes",
  flags: {
    author: {
      names: '-a, --author',
      value: 'string',
      help: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
    },
    change: {
      names: '-c, --change',
      value: 'list',
      many: true,
      help: 'Apply Dockerfile instruction to the created image',
    },
    index: { names: '--index', value: 'int', help: 'index of the container if service has multiple replicas.' },
    message: { names: '-m, --message', value: 'string', help: 'Commit message' },
    pause: { names: '-p, --pause', help: 'Pause container during commit (default true)' },
  },
  async run(context, { flags, args, given }) {
    const [service, image, more] = args;
    if (service === undefined || more !== undefined)
      throw composeUsage({ message: '"wharf compose commit" requires 1 or 2 arguments: SERVICE [REPOSITORY[:TAG]]' });
    const container = await oneContainer(context, service, flags.index);
    const reference = image === undefined ? undefined : parseReference(image);
    const name = nameOf(container);
    const about = `Commit ${name}`;
    using progress = context.progress('Committing');
    progress.event(name, 'Committing', { about });
    if (context.dry) {
      progress.event(name, 'Committed', { about, state: 'done' });
      return 0;
    }
    const { Id } = await context.client.images.commit({
      container: container.Id,
      pause: given.has('pause') ? flags.pause : true,
      changes: flags.change,
      ...(reference === undefined ? {} : { repository: familiarName(reference) }),
      ...(reference?.tag === undefined ? {} : { tag: reference.tag }),
      ...(flags.message === undefined ? {} : { comment: flags.message }),
      ...(flags.author === undefined ? {} : { author: flags.author }),
    });
    progress.event(name, `Committed as ${Id}`, { about, state: 'done' });
    return 0;
  },
});
