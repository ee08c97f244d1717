import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { printRows, type Layout } from '../format/formatter.ts';
import { ellipsis } from '../format/human.ts';
import { filterPairs } from '../spec/pairs.ts';

const LAYOUT = {
  headings: {
    Name: 'NAME',
    Description: 'DESCRIPTION',
    StarCount: 'STARS',
    IsOfficial: 'OFFICIAL',
    IsAutomated: 'AUTOMATED',
  },
  columns: ['Name', 'Description', 'StarCount', 'IsOfficial'],
  quietField: 'Name',
} satisfies Layout;

interface Found {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated: boolean;
}

export const search = command({
  usage: '[OPTIONS] TERM',
  arity: arity.exactly(1),
  options: {
    filter: flag.filter('-f, --filter', 'Filter output based on conditions provided'),
    format: flag.string('--format', 'Pretty-print search using a Go template'),
    limit: flag.int('--limit', 'Max number of search results'),
    noTrunc: flag.bool('--no-trunc', "Don't truncate output"),
  },
  async run({ args, options }, context) {
    const query = {
      term: args[0] ?? '',
      limit: String(options.limit ?? 0),
      filters: JSON.stringify(filterPairs(options.filter)),
    };
    const found = (await context.client.request('GET', '/images/search', { query })) as Found[];
    const mark = (is: boolean): string => (is ? '[OK]' : '');
    const rows = found.map((f) => {
      const description = f.description.replaceAll(/[\r\n]+/g, ' ');
      return {
        Name: () => f.name,
        Description: () => (options.noTrunc ? description : ellipsis(description, 45)),
        StarCount: () => String(f.star_count),
        IsOfficial: () => mark(f.is_official),
        IsAutomated: () => mark(f.is_automated),
      };
    });
    await printRows(context, rows, LAYOUT, { ...options, quiet: false });
    return 0;
  },
});
