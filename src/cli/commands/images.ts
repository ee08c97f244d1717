import { shortId } from '../../core/ids.ts';
import type { ImageSummary } from '../../core/wire/resources.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { printRows, type Layout, type Row } from '../format/formatter.ts';
import { ago, goTime, humanSize } from '../format/human.ts';
import { filterPairs } from '../spec/pairs.ts';

const NONE = '<none>';

const LAYOUT = {
  headings: {
    ID: 'IMAGE ID',
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Digest: 'DIGEST',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    Size: 'SIZE',
    Containers: 'CONTAINERS',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
    VirtualSize: 'SIZE',
  },
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'],
  quietField: 'ID',
} satisfies Layout;

export const images = command({
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  arity: arity.atMost(1),
  options: {
    all: flag.bool('-a, --all', 'Show all images (default hides intermediate images)'),
    digests: flag.bool('--digests', 'Show digests'),
    filter: flag.filter('-f, --filter', 'Filter output based on conditions provided'),
    format: flag.string('--format', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    noTrunc: flag.bool('--no-trunc', "Don't truncate output"),
    quiet: flag.bool('-q, --quiet', 'Only show image IDs'),
  },
  async run({ args, options }, context) {
    const filters = filterPairs(options.filter);
    const [name] = args;
    if (name !== undefined) filters['reference'] = [...(filters['reference'] ?? []), name];
    const found = await context.client.images.list({ all: options.all, digests: options.digests, filters });
    const now = new Date();
    const byDigest = options.digests || (options.format?.includes('.Digest') ?? false);
    const rows = found
      .toSorted((a, b) => b.Created - a.Created)
      .flatMap((image) => namesOf(image, byDigest).map((n) => row(image, n, options.noTrunc, now)));
    const columns = options.digests ? ['Repository', 'Tag', 'Digest', 'ID', 'CreatedSince', 'Size'] : LAYOUT.columns;
    await printRows(context, rows, { ...LAYOUT, columns }, options);
    return 0;
  },
});

interface Name {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** One row for each name; with digests, one for each pair of the two that belong to one repository. */
function namesOf(image: ImageSummary, byDigest: boolean): Name[] {
  const digests = new Map<string, string[]>();
  for (const text of image.RepoDigests ?? []) {
    const at = text.indexOf('@');
    const repository = text.slice(0, at);
    if (repository !== NONE) digests.set(repository, [...(digests.get(repository) ?? []), text.slice(at + 1)]);
  }
  const names: Name[] = [];
  for (const text of image.RepoTags ?? []) {
    const colon = text.lastIndexOf(':');
    const repository = text.slice(0, colon);
    const tag = text.slice(colon + 1);
    if (repository === NONE) continue;
    const of = byDigest ? (digests.get(repository) ?? []) : [];
    digests.delete(repository);
    if (of.length === 0) names.push({ repository, tag, digest: NONE });
    for (const digest of of) names.push({ repository, tag, digest });
  }
  for (const [repository, of] of digests) {
    if (byDigest) for (const digest of of) names.push({ repository, tag: NONE, digest });
    else names.push({ repository, tag: NONE, digest: NONE });
  }
  return names.length === 0 ? [{ repository: NONE, tag: NONE, digest: NONE }] : names;
}

function row(image: ImageSummary, name: Name, full: boolean, now: Date): Row {
  const size = (bytes: number) => (bytes < 0 ? 'N/A' : humanSize(bytes, 3));
  return {
    ID: () => (full ? image.Id : shortId(image.Id)),
    Repository: () => name.repository,
    Tag: () => name.tag,
    Digest: () => name.digest,
    CreatedSince: () => (image.Created <= 0 ? 'N/A' : ago(image.Created, now)),
    CreatedAt: () => goTime(image.Created),
    Size: () => size(image.Size),
    VirtualSize: () => humanSize(image.Size),
    Containers: () => (image.Containers < 0 ? 'N/A' : String(image.Containers)),
    SharedSize: () => size(image.SharedSize),
    UniqueSize: () => (image.SharedSize < 0 ? 'N/A' : size(image.Size - image.SharedSize)),
    Label: (key: string) => image.Labels?.[key] ?? '',
  };
}
