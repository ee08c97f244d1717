import { arity, command } from '../command.ts';

const LETTERS = ['C', 'A', 'D'] as const;

export const diff = command({
  usage: 'CONTAINER',
  arity: arity.exactly(1),
  options: {},
  async run({ args }, context) {
    const changes = (await context.client.containers.changes(args[0] ?? '')) ?? [];
    await context.print(changes.map(({ Path, Kind }) => `${LETTERS[Kind]} ${Path}\n`).join(''));
    return 0;
  },
});
