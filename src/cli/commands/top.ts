import { arity, command } from '../command.ts';
import { alignTabs } from '../format/table.ts';

export const top = command({
  usage: 'CONTAINER [ps OPTIONS]',
  arity: arity.atLeast(1),
  examples: [['Other columns', 'wharf top web -o pid,user,args']],
  options: {},
  interspersed: false,
  async run({ args }, context) {
    const [container = '', ...words] = args;
    const { Titles, Processes } = await context.client.containers.top(
      container,
      words.length === 0 ? undefined : words.join(' '),
    );
    const text = [Titles, ...Processes].map((cells) => `${cells.join('\t')}\n`).join('');
    await context.print(alignTabs(text, 20));
    return 0;
  },
});
