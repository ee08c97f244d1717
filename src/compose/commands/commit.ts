import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { engineCommand, oneContainer } from './one-container.ts';

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
    return await engineCommand(context, [
      'commit',
      ...(flags.author === undefined ? [] : [`--author=${flags.author}`]),
      ...flags.change.map((c) => `--change=${c}`),
      ...(flags.message === undefined ? [] : [`--message=${flags.message}`]),
      ...(given.has('pause') ? [`--pause=${flags.pause}`] : []),
      container.Id,
      ...(image === undefined ? [] : [image]),
    ]);
  },
});
