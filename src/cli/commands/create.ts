import { arity, command } from '../command.ts';
import { createContainer } from '../create-container.ts';
import { CONTAINER_FLAGS } from '../spec/container-flags.ts';

export const create = command({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  arity: arity.atLeast(1),
  options: CONTAINER_FLAGS,
  interspersed: false,
  async run(parsed, context) {
    const { id } = await createContainer(parsed, context, false, 'create');
    await context.print(`${id}\n`);
    return 0;
  },
});
