import { familiarName, parseReference } from '../../core/reference.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';

export const commit = command({
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  arity: arity.between(1, 2),
  examples: [['With another command to run', 'wharf commit -c \'CMD ["nginx"]\' web web:snapshot']],
  options: {
    author: flag.string('-a, --author', 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    change: flag.list('-c, --change', 'Apply Dockerfile instruction to the created image'),
    message: flag.string('-m, --message', 'Commit message'),
    pause: flag.bool('-p, --pause', 'Pause container during commit', true),
  },
  async run({ args, options }, context) {
    const [container = '', name] = args;
    const reference = name === undefined ? undefined : parseReference(name);
    const { Id } = await context.client.images.commit({
      container,
      pause: options.pause,
      changes: options.change,
      ...(reference === undefined ? {} : { repository: familiarName(reference) }),
      ...(reference?.tag === undefined ? {} : { tag: reference.tag }),
      ...(options.message === undefined ? {} : { comment: options.message }),
      ...(options.author === undefined ? {} : { author: options.author }),
    });
    await context.print(`${Id}\n`);
    return 0;
  },
});
