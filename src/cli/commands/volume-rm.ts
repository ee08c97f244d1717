import { arity, command } from '../command.ts';
import { forEach } from '../each.ts';
import { flag } from '../flags.ts';

export const remove = command({
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  arity: arity.atLeast(1),
  options: { force: flag.bool('-f, --force', 'Force the removal of one or more volumes') },
  run: ({ args, options }, context) =>
    forEach(args, context, (name) => context.client.volumes.remove(name, options.force)),
});
