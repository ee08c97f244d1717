import { arity, command } from '../command.ts';
import { forEach } from '../each.ts';

export const wait = command({
  usage: 'CONTAINER [CONTAINER...]',
  arity: arity.atLeast(1),
  options: {},
  run: ({ args }, context) =>
    forEach(args, context, async (name) => {
      const { done } = await context.client.containers.wait(name);
      const { StatusCode, Error: failure } = await done;
      if (failure?.Message) throw new Error(failure.Message);
      return String(StatusCode);
    }),
});
