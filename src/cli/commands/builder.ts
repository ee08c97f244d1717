import { createInterface } from 'node:readline';
import type { BuildEvent, BuildRecord, CacheEntry } from '../../core/wire/build.ts';
import { PlainDisplay } from '../build/plain-display.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { tableFormat } from '../format/format-flag.ts';
import { printRows, type Layout } from '../format/formatter.ts';
import { ago, ellipsis, humanSize } from '../format/human.ts';
import { filterPairs } from '../spec/pairs.ts';

const BUILDS = {
  headings: {
    ID: 'BUILD ID',
    Name: 'NAME',
    Status: 'STATUS',
    Steps: 'STEPS',
    Cached: 'CACHED',
    CreatedAt: 'CREATED AT',
    Duration: 'DURATION',
    Image: 'IMAGE',
  },
  columns: ['ID', 'Name', 'Status', 'Steps', 'Cached', 'CreatedAt', 'Duration'],
  quietField: 'ID',
} satisfies Layout;

/** Builds of the past. */
export const list = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { format: tableFormat(), quiet: flag.bool('-q, --quiet', 'Only display build IDs') },
  async run({ options }, context) {
    const now = new Date();
    const rows = (await history(context)).map((build) => ({
      ID: () => build.id,
      Name: () => build.tags[0] ?? (build.target || build.dockerfile),
      Status: () => build.status,
      Steps: () => String(build.steps.length),
      Cached: () => String(build.steps.filter((s) => s.outcome === 'cached').length),
      CreatedAt: () => ago(Date.parse(build.startedAt) / 1000, now),
      Duration: () => `${(build.ms / 1000).toFixed(1)}s`,
      Image: () => build.image ?? '',
    }));
    await printRows(context, rows, BUILDS, options);
    return 0;
  },
});

/** One build of the past, step by step. */
export const inspect = command({
  usage: '[OPTIONS] [BUILD]',
  arity: arity.atMost(1),
  options: { format: flag.string('-f, --format', 'Format output: "json"') },
  async run({ args, options }, context) {
    const build = await buildOf(args[0], context);
    if (options.format === 'json') {
      await context.print(`${JSON.stringify(build, null, 4)}\n`);
      return 0;
    }
    const facts = [
      ['Build', build.id],
      ['Name', build.tags.join(', ') || '-'],
      ['Dockerfile', build.dockerfile],
      ['Target', build.target || '-'],
      ['Started', build.startedAt],
      ['Duration', `${(build.ms / 1000).toFixed(1)}s`],
      ['Status', build.status],
      ['Image', build.image ?? '-'],
      ...(build.error === undefined ? [] : [['Error', build.error]]),
    ];
    const steps = build.steps.map((step) => {
      const size = step.layerBytes === undefined ? '-' : humanSize(step.layerBytes);
      const time = `${(step.ms / 1000).toFixed(1)}s`;
      return `  ${step.outcome.padEnd(8)} ${size.padStart(9)} ${time.padStart(7)}  ${step.name}\n${step.why === '' ? '' : `${' '.repeat(29)}${step.why}\n`}`;
    });
    const head = facts.map(([name, value]) => `${`${name}:`.padEnd(12)}${value}\n`).join('');
    await context.print(`${head}\nSteps:\n${steps.join('')}`);
    return 0;
  },
});

/** What a build of the past said. */
export const logs = command({
  usage: '[BUILD]',
  arity: arity.atMost(1),
  options: {},
  async run({ args }, context) {
    const { id } = await buildOf(args[0], context);
    const events = (await context.client.request('GET', `/build/history/${id}/log`)) as [number, BuildEvent][];
    let text = '';
    let ms = 0;
    const display = new PlainDisplay(
      (piece) => (text += piece),
      () => ms,
    );
    for (const [after, event] of events) {
      ms = after;
      display.event(event);
    }
    display.end();
    await context.print(text);
    return 0;
  },
});

/** Forgets builds of the past. */
export const remove = command({
  usage: 'BUILD [BUILD...]',
  arity: arity.atLeast(1),
  options: {},
  async run({ args }, context) {
    for (const wanted of args) {
      const { id } = await buildOf(wanted, context);
      await context.client.request('DELETE', `/build/history/${id}`);
      await context.print(`${id}\n`);
    }
    return 0;
  },
});

const CACHE = {
  headings: {
    ID: 'ID',
    Reclaimable: 'RECLAIMABLE',
    Size: 'SIZE',
    LastAccessed: 'LAST ACCESSED',
    Type: 'TYPE',
    Uses: 'USAGE',
    Description: 'DESCRIPTION',
  },
  columns: ['ID', 'Reclaimable', 'Size', 'LastAccessed', 'Description'],
} satisfies Layout;

/** What the build cache takes. */
export const du = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    format: tableFormat(),
    verbose: flag.bool('--verbose', 'Provide a more verbose output'),
  },
  async run({ options }, context) {
    const entries = (await context.client.request('GET', '/build/cache')) as CacheEntry[];
    const now = new Date();
    const used = (entry: CacheEntry) => Date.parse(entry.LastUsedAt ?? entry.CreatedAt) / 1000;
    const rows = entries
      .toSorted((a, b) => b.Size - a.Size)
      .map((entry) => ({
        ID: () => entry.ID,
        Reclaimable: () => String(!entry.InUse),
        Size: () => humanSize(entry.Size),
        LastAccessed: () => (used(entry) <= 0 ? '' : ago(used(entry), now)),
        Type: () => entry.Type,
        Uses: () => String(entry.UsageCount),
        Description: () => (options.verbose ? entry.Description : ellipsis(entry.Description, 60)),
      }));
    await printRows(context, rows, CACHE, options);
    if (options.format === undefined) {
      const sum = (list: readonly CacheEntry[]) => humanSize(list.reduce((bytes, entry) => bytes + entry.Size, 0));
      const shared = `Shared:\t\t${sum(entries.filter((e) => e.Shared))}\nPrivate:\t${sum(entries.filter((e) => !e.Shared))}\n`;
      await context.print(
        `${shared}Reclaimable:\t${sum(entries.filter((e) => !e.InUse))}\nTotal:\t\t${sum(entries)}\n`,
      );
    }
    return 0;
  },
});

/** Gives disk back that the build cache takes. */
export const prune = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    all: flag.bool('-a, --all', 'Remove all unused build cache, not just dangling ones'),
    filter: flag.filter('--filter', 'Provide filter values (e.g. "until=24h")'),
    force: flag.bool('-f, --force', 'Do not prompt for confirmation'),
    keepStorage: flag.bytes(
      '--keep-storage, --max-used-space, --reserved-space',
      'Amount of disk space to keep for cache',
    ),
  },
  async run({ options }, context) {
    const what = options.all ? 'all build cache' : 'all dangling build cache';
    if (!options.force && !(await confirmed(`This will remove ${what}.`, context))) return 0;
    const filters = filterPairs(options.filter);
    const query: Record<string, string> = {};
    if (options.all) query['all'] = '1';
    if (options.keepStorage !== undefined) query['keep-storage'] = String(options.keepStorage);
    if (Object.keys(filters).length > 0) query['filters'] = JSON.stringify(filters);
    const answer = await context.client.request('POST', '/build/prune', { query });
    const { CachesDeleted, SpaceReclaimed } = answer as { CachesDeleted: string[] | null; SpaceReclaimed: number };
    const deleted = CachesDeleted ?? [];
    if (deleted.length > 0) await context.print(`Deleted build cache objects:\n${deleted.join('\n')}\n\n`);
    await context.print(`Total reclaimed space: ${humanSize(SpaceReclaimed)}\n`);
    return 0;
  },
});

/** A build by the beginning of its ID or by a tag; the last one if none is named. @throws {ExitError} if there is none */
async function buildOf(wanted: string | undefined, context: CommandContext): Promise<BuildRecord> {
  const builds = await history(context);
  const build = builds.find((b) => wanted === undefined || b.id.startsWith(wanted) || b.tags.includes(wanted));
  if (build !== undefined) return build;
  const none = wanted === undefined ? 'there are no builds yet' : `no such build: ${wanted}; see "wharf builder ls"`;
  throw new ExitError(none, 1);
}

async function history({ client }: CommandContext): Promise<readonly BuildRecord[]> {
  return (await client.request('GET', '/build/history')) as readonly BuildRecord[];
}

/** Asks; anything but y means no. */
async function confirmed(what: string, context: CommandContext): Promise<boolean> {
  await context.print(`WARNING! ${what}\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: context.stdin });
  try {
    for await (const line of lines) return line.trim().toLowerCase() === 'y';
    return false;
  } finally {
    lines.close();
  }
}
