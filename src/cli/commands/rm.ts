import { ApiError } from '../../client/index.ts';
import { arity, command } from '../command.ts';
import { forEach } from '../each.ts';
import { flag } from '../flags.ts';

export const rm = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  arity: arity.atLeast(1),
  examples: [['All that have ended', 'wharf rm $(wharf ps -aq -f status=exited)']],
  options: {
    force: flag.bool('-f, --force', 'Force the removal of a running container (uses SIGKILL)'),
    link: flag.bool('-l, --link', 'Remove the specified link'),
    volumes: flag.bool('-v, --volumes', 'Remove anonymous volumes associated with the container'),
  },
  async run({ args, options }, context) {
    let missing = 0;
    let failed = 0;
    const code = await forEach(args, context, async (typed) => {
      const name = typed.replace(/^\/+|\/+$/g, '');
      if (name === '') throw new Error('Container name cannot be empty');
      await context.client.containers.remove(name, options).catch((e: unknown) => {
        // What is to be gone is gone: said, but no failure.
        if (options.force && e instanceof ApiError && e.status === 404) missing++;
        else failed++;
        throw e;
      });
    });
    return missing > 0 && failed === 0 ? 0 : code;
  },
});
