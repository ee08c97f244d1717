import { createInterface } from 'node:readline';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { humanSize } from '../format/human.ts';
import { filterPairs } from '../spec/pairs.ts';

const force = flag.bool('-f, --force', 'Do not prompt for confirmation');
const filter = flag.filter('--filter', 'Provide filter values (e.g. "until=<timestamp>")');
const labelFilter = flag.filter('--filter', 'Provide filter values (e.g. "label=<label>")');
type Filters = Record<string, string[]>;
interface Pruned {
  readonly text: string;
  readonly bytes: number;
}

export const containerPrune = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { filter, force },
  async run({ options }, context) {
    if (!options.force && !(await confirmed('This will remove all stopped containers.', context))) return 0;
    return report(await pruneContainers(filtersOf(options.filter, context), context), context);
  },
});

export const imagePrune = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { all: flag.bool('-a, --all', 'Remove all unused images, not just dangling ones'), filter, force },
  async run({ options }, context) {
    const what = options.all
      ? 'This will remove all images without at least one container associated to them.'
      : 'This will remove all dangling images.';
    if (!options.force && !(await confirmed(what, context))) return 0;
    return report(await pruneImages(options.all, filtersOf(options.filter, context), context), context);
  },
});

export const networkPrune = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { filter, force },
  async run({ options }, context) {
    const what = 'This will remove all custom networks not used by at least one container.';
    if (!options.force && !(await confirmed(what, context))) return 0;
    await context.print((await pruneNetworks(filtersOf(options.filter, context), context)).text);
    return 0;
  },
});

export const volumePrune = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    all: flag.bool('-a, --all', 'Remove all unused volumes, not just anonymous ones'),
    filter: labelFilter,
    force,
  },
  async run({ options }, context) {
    if (options.all && options.filter.some((text) => /^all\s*=/.test(text))) {
      throw new ExitError('conflicting options: cannot specify both --all and --filter all=1', 1);
    }
    const kind = options.all ? 'all local' : 'anonymous local';
    const what = `This will remove ${kind} volumes not used by at least one container.`;
    if (!options.force && !(await confirmed(what, context))) return 0;
    return report(await pruneVolumes(options.all, filtersOf(options.filter, context), context), context);
  },
});

export const systemPrune = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    all: flag.bool('-a, --all', 'Remove all unused images not just dangling ones'),
    filter: flag.filter('--filter', 'Provide filter values (e.g. "label=<key>=<value>")'),
    force,
    volumes: flag.bool('--volumes', 'Prune anonymous volumes'),
  },
  async run({ options }, context) {
    const filters = filtersOf(options.filter, context);
    if (options.volumes && filters['until'] !== undefined) {
      throw new ExitError('ERROR: The "until" filter is not supported with "--volumes"', 1);
    }
    const said = Object.entries(filters)
      .flatMap(([key, values]) => values.map((value) => `${key}=${value}`))
      .toSorted();
    const parts = [
      'all stopped containers',
      'all networks not used by at least one container',
      ...(options.volumes ? ['all anonymous volumes not used by at least one container'] : []),
      options.all ? 'all images without at least one container associated to them' : 'all dangling images',
      options.all ? 'all build cache' : 'unused build cache',
    ];
    const what = `This will remove:\n${parts.map((p) => `  - ${p}\n`).join('')}${filtered(said)}`;
    if (!options.force && !(await confirmed(what, context))) return 0;
    const done = [await pruneContainers(filters, context), await pruneNetworks(filters, context)];
    if (options.volumes) done.push(await pruneVolumes(false, filters, context));
    done.push(await pruneImages(options.all, filters, context));
    done.push(await pruneBuildCache(options.all, filters, context));
    return report({ text: done.map((d) => d.text).join(''), bytes: done.reduce((n, d) => n + d.bytes, 0) }, context);
  },
});

/** What a prune that is filtered says of itself. */
function filtered(filters: readonly string[]): string {
  if (filters.length === 0) return '';
  return `\n  Items to be pruned will be filtered with:\n${filters.map((f) => `  - ${f}\n`).join('')}`;
}

/** Those of the command line, and `pruneFilters` of the configuration unless one contradicts them. */
function filtersOf(given: readonly string[], { config }: CommandContext): Filters {
  const own = given.map((text) => text.trim());
  const configured = (config.pruneFilters ?? []).filter((filter) => {
    const [key = '', value = ''] = filter.split(/=(.*)/s);
    const opposite = key.endsWith('!') ? key.slice(0, -1) : `${key}!`;
    return !own.includes(filter) && !own.includes(`${opposite}=${value}`);
  });
  return filterPairs([...own, ...configured]);
}

async function report({ text, bytes }: Pruned, context: CommandContext): Promise<number> {
  await context.print(`${text}Total reclaimed space: ${humanSize(bytes)}\n`);
  return 0;
}

/** Asks; anything but y means no. The answer is read from a pipe as well. */
async function confirmed(what: string, context: CommandContext): Promise<boolean> {
  await context.print(`WARNING! ${what}\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: context.stdin });
  const answer = Promise.withResolvers<string>();
  using undo = new DisposableStack();
  undo.defer(() => lines.close());
  // Ctrl-C is a no.
  undo.defer(context.onSignals(['SIGINT'], () => answer.resolve('\x03')));
  lines.once('line', answer.resolve).once('close', () => answer.resolve(''));
  const said = await answer.promise;
  if (said === '\x03') await context.print('\n');
  return said.trim().toLowerCase() === 'y';
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}:\n${lines.map((l) => `${l}\n`).join('')}\n`;
}

async function pruneContainers(filters: Filters, { client }: CommandContext): Promise<Pruned> {
  const { ContainersDeleted, SpaceReclaimed } = await client.containers.prune(filters);
  return { text: section('Deleted Containers', ContainersDeleted ?? []), bytes: SpaceReclaimed };
}

async function pruneNetworks(filters: Filters, { client }: CommandContext): Promise<Pruned> {
  const { NetworksDeleted } = await client.networks.prune(filters);
  return { text: section('Deleted Networks', NetworksDeleted ?? []), bytes: 0 };
}

async function pruneVolumes(all: boolean, filters: Filters, { client }: CommandContext): Promise<Pruned> {
  const { until: _, ...rest } = filters; // volumes have no such filter; `system prune` passes one set to all
  const { VolumesDeleted, SpaceReclaimed } = await client.volumes.prune({ ...rest, ...(all ? { all: ['true'] } : {}) });
  return { text: section('Deleted Volumes', VolumesDeleted ?? []), bytes: SpaceReclaimed };
}

async function pruneImages(all: boolean, filters: Filters, { client }: CommandContext): Promise<Pruned> {
  const { ImagesDeleted, SpaceReclaimed } = await client.images.prune({ ...filters, dangling: [String(!all)] });
  const lines = (ImagesDeleted ?? []).map((i) =>
    'Untagged' in i ? `untagged: ${i.Untagged}` : `deleted: ${i.Deleted}`,
  );
  return { text: section('Deleted Images', lines), bytes: SpaceReclaimed };
}

async function pruneBuildCache(all: boolean, filters: Filters, { client }: CommandContext): Promise<Pruned> {
  const query = {
    ...(all ? { all: '1' } : {}),
    ...(Object.keys(filters).length === 0 ? {} : { filters: JSON.stringify(filters) }),
  };
  try {
    const answer = await client.request('POST', '/build/prune', { query });
    const { CachesDeleted, SpaceReclaimed } = answer as { CachesDeleted: string[] | null; SpaceReclaimed: number };
    return { text: section('Deleted build cache objects', CachesDeleted ?? []), bytes: SpaceReclaimed };
  } catch {
    return { text: '', bytes: 0 }; // engines before 1.31 have no build cache to prune
  }
}
