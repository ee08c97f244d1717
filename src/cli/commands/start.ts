import { arity, command } from '../command.ts';
import { exitCodeFor } from '../create-container.ts';
import { errorText, ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { suggestionFor } from '../suggest.ts';
import { attachTo } from './attach.ts';
import { detachKeysOf } from '../stream/detach-keys.ts';

export const start = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  arity: arity.atLeast(1),
  examples: [['Start it and see what it says', 'wharf start -a web']],
  options: {
    attach: flag.bool('-a, --attach', 'Attach STDOUT/STDERR and forward signals'),
    detachKeys: flag.string('--detach-keys', 'Override the key sequence for detaching a container'),
    interactive: flag.bool('-i, --interactive', "Attach container's STDIN"),
  },
  async run({ args, options }, context) {
    const { client } = context;
    if (options.attach || options.interactive) {
      if (args.length > 1) throw new ExitError('you cannot start and attach multiple containers at once', 1);
      const container = await client.containers.inspect(args[0] ?? '');
      const begin = () =>
        client.containers.start(container.Id).catch((e: unknown) => {
          throw new ExitError(`${errorText(e)}`, exitCodeFor(e) === 125 ? 1 : exitCodeFor(e), e);
        });
      const stdin = options.interactive && container.Config.OpenStdin === true;
      return attachTo(container, { stdin, sigProxy: true, detachKeys: detachKeysOf(options, context) }, context, begin);
    }
    const failed: string[] = [];
    for (const name of args) {
      try {
        await client.containers.start(name);
        await context.print(`${name}\n`);
      } catch (e) {
        context.warn(errorText(e));
        const near = await suggestionFor(e, context);
        if (near !== undefined) context.warn(near);
        failed.push(name);
      }
    }
    if (failed.length === 0) return 0;
    context.warn(`Error: failed to start containers: ${failed.join(', ')}`);
    return 1;
  },
});
