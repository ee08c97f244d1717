import { arity, command } from '../command.ts';
import { forEach } from '../each.ts';
import { flag } from '../flags.ts';

export const kill = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  arity: arity.atLeast(1),
  options: { signal: flag.string('-s, --signal', 'Signal to send to the container') },
  run: ({ args, options }, context) =>
    forEach(args, context, (name) => context.client.containers.kill(name, options.signal)),
});
