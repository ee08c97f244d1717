import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { tableFormat } from '../format/format-flag.ts';
import { printRows } from '../format/formatter.ts';
import { IMAGE_LAYOUT, imageRow, namesOf } from '../format/image-row.ts';
import { filterPairs } from '../spec/pairs.ts';

export const images = command({
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  arity: arity.atMost(1),
  examples: [
    ['Of one repository', 'wharf images debian'],
    ['Without a name', 'wharf images -f dangling=true'],
  ],
  options: {
    all: flag.bool('-a, --all', 'Show all images (default hides intermediate images)'),
    digests: flag.bool('--digests', 'Show digests'),
    filter: flag.filter('-f, --filter', 'Filter output based on conditions provided'),
    format: tableFormat(),
    noTrunc: flag.bool('--no-trunc', "Don't truncate output"),
    quiet: flag.bool('-q, --quiet', 'Only show image IDs'),
  },
  async run({ args, options }, context) {
    const filters = filterPairs(options.filter);
    const [name] = args;
    if (name !== undefined) filters['reference'] = [...(filters['reference'] ?? []), name];
    const found = await context.client.images.list({ all: options.all, digests: options.digests, filters });
    const format = options.format ?? (options.quiet ? undefined : context.config.imagesFormat || undefined);
    const now = new Date();
    const byDigest = options.digests || (format?.includes('.Digest') ?? false);
    const rows = found
      .toSorted((a, b) => b.Created - a.Created)
      .flatMap((image) => namesOf(image, byDigest).map((n) => imageRow(image, n, options.noTrunc, now)));
    const columns = options.digests
      ? ['Repository', 'Tag', 'Digest', 'ID', 'CreatedSince', 'Size']
      : IMAGE_LAYOUT.columns;
    await printRows(context, rows, { ...IMAGE_LAYOUT, columns }, { ...options, format });
    return 0;
  },
});
