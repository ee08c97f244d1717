import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
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
    ['What each has for each platform, and which are in use', 'wharf images --tree'],
    ['Without a name', 'wharf images -f dangling=true'],
  ],
  options: {
    all: flag.bool('-a, --all', 'Show all images (default hides intermediate images)'),
    digests: flag.bool('--digests', 'Show digests'),
    filter: flag.filter('-f, --filter', 'Filter output based on conditions provided'),
    format: tableFormat(),
    noTrunc: flag.bool('--no-trunc', "Don't truncate output"),
    quiet: flag.bool('-q, --quiet', 'Only show image IDs'),
    tree: flag.bool('--tree', 'List multi-platform images as a tree (EXPERIMENTAL)'),
  },
  async run({ args, options }, context) {
    const filters = filterPairs(options.filter);
    const [name] = args;
    if (name !== undefined) filters['reference'] = [...(filters['reference'] ?? []), name];
    if (options.tree) return printTree(options, filters, context);
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
    const raw = options.digests
      ? IMAGE_LAYOUT.raw.replace('image_id:', 'digest: {{.Digest}}\nimage_id:')
      : IMAGE_LAYOUT.raw;
    await printRows(context, rows, { ...IMAGE_LAYOUT, columns, raw }, { ...options, format });
    return 0;
  },
});

interface TreeOptions {
  readonly all: boolean;
  readonly quiet: boolean;
  readonly noTrunc: boolean;
  readonly digests: boolean;
  readonly format: string | undefined;
}

async function printTree(
  options: TreeOptions,
  filters: Record<string, string[]>,
  { client, stdout, env, print }: CommandContext,
): Promise<number> {
  const conflicts = [
    [options.quiet, 'quiet'],
    [options.noTrunc, 'no-trunc'],
    [options.digests, 'show-digest'],
    [options.format, 'format'],
  ] as const;
  for (const [given, name] of conflicts) {
    if (given) throw new ExitError(`--${name} is not yet supported with --tree`, 1);
  }
  const { imageTree } = await import('../format/image-tree.ts');
  const found = await client.images.list({ all: options.all, manifests: true, filters });
  const colour = stdout.isTTY === true && !env['NO_COLOR'];
  await print(imageTree(found, { columns: Math.max(20, stdout.columns ?? 80), colour }));
  return 0;
}
