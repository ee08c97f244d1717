import type { ImageDifference } from '../../core/wire/image-layers.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { humanSize } from '../format/human.ts';

const LETTERS = { added: 'A', changed: 'C', deleted: 'D' } as const;

export const imageDiff = command({
  usage: '[OPTIONS] IMAGE IMAGE',
  arity: arity.exactly(2),
  options: { json: flag.bool('--json', 'Print the differences as JSON') },
  async run({ args, options }, context) {
    const [from = '', to = ''] = args;
    const path = from.split('/').map(encodeURIComponent).join('/');
    const answer = await context.client.request('GET', `/images/${path}/diff`, { query: { against: to } });
    const found = answer as ImageDifference[];
    if (options.json) {
      await context.print(`${JSON.stringify(found, undefined, 2)}\n`);
      return 0;
    }
    const lines = found.map(
      ({ Kind, Path, Size }) => `${LETTERS[Kind]} ${Path}${Size === 0 ? '' : `  ${signed(Size)}`}\n`,
    );
    await context.print(lines.join(''));
    return 0;
  },
});

function signed(bytes: number): string {
  return `${bytes < 0 ? '-' : '+'}${humanSize(Math.abs(bytes), 3)}`;
}
