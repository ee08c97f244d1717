import { arity, command } from '../command.ts';
import { forEach } from '../each.ts';

export const pause = command({
  usage: 'CONTAINER [CONTAINER...]',
  arity: arity.atLeast(1),
  options: {},
  run: ({ args }, context) => forEach(args, context, (name) => context.client.containers.pause(name)),
});

export const unpause = command({
  usage: 'CONTAINER [CONTAINER...]',
  arity: arity.atLeast(1),
  options: {},
  run: ({ args }, context) => forEach(args, context, (name) => context.client.containers.unpause(name)),
});
