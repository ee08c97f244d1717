import { shortId } from '../../core/ids.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { printRows, type Layout } from '../format/formatter.ts';
import { ago, ellipsis, humanSize, rfc3339Local } from '../format/human.ts';
import { platformFlag, platformOf } from '../spec/platform.ts';
import { tableFormat } from '../format/format-flag.ts';

const LAYOUT = {
  headings: {
    ID: 'IMAGE',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    CreatedBy: 'CREATED BY',
    Size: 'SIZE',
    Comment: 'COMMENT',
  },
  columns: ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
  quietField: 'ID',
  type: '*image.historyContext',
} satisfies Layout;

/** Images built from scratch carry the year 1 as their date. */
const EARLIEST = Date.parse('2000-01-01T00:00:00Z') / 1000;

export const history = command({
  usage: '[OPTIONS] IMAGE',
  arity: arity.exactly(1),
  options: {
    format: tableFormat(),
    human: flag.bool('-H, --human', 'Print sizes and dates in human readable format', true),
    noTrunc: flag.bool('--no-trunc', "Don't truncate output"),
    platform: platformFlag('Show history for the given platform'),
    quiet: flag.bool('-q, --quiet', 'Only show image IDs'),
  },
  async run({ args, options }, context) {
    const items = await context.client.images.history(
      args[0] ?? '',
      platformOf(options.platform, 'invalid platform: '),
    );
    const now = new Date();
    const rows = items.map((item) => {
      const createdAt = item.Created < EARLIEST ? 'N/A' : rfc3339Local(item.Created);
      const createdSince = item.Created < EARLIEST ? 'N/A' : ago(item.Created, now);
      const createdBy = item.CreatedBy.replaceAll('\t', ' ');
      return {
        ID: () => (options.noTrunc ? item.Id : shortId(item.Id)),
        CreatedAt: () => createdAt,
        CreatedSince: () => (options.human ? createdSince : createdAt),
        CreatedBy: () => (options.noTrunc ? createdBy : ellipsis(createdBy, 45)),
        Size: () => (options.human ? humanSize(item.Size, 3) : String(item.Size)),
        Comment: () => item.Comment,
      };
    });
    const headings = { ...LAYOUT.headings, CreatedSince: options.human ? 'CREATED' : 'CREATED AT' };
    await printRows(context, rows, { ...LAYOUT, headings }, options);
    return 0;
  },
});
