import { ApiError } from '../../client/index.ts';
import { arity, command } from '../command.ts';
import { errorText } from '../errors.ts';
import { flag } from '../flags.ts';

export const remove = command({
  usage: 'NETWORK [NETWORK...]',
  arity: arity.atLeast(1),
  options: { force: flag.bool('-f, --force', 'Do not error if the network does not exist') },
  async run({ args, options }, context) {
    let code = 0;
    for (const name of args) {
      try {
        await context.client.networks.remove(name);
        await context.print(`${name}\n`);
      } catch (e) {
        if (options.force && e instanceof ApiError && e.status === 404) continue;
        context.warn(errorText(e));
        code = 1;
      }
    }
    // The line that docker adds, which scripts may look for.
    if (code !== 0) context.warn('exit status 1');
    return code;
  },
});
