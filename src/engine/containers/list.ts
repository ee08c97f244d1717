import { invalidParameter } from '../../core/errors.ts';
import type { ContainerStatus, ContainerSummary } from '../../core/wire/container.ts';
import type { Filters, Image } from '../contract.ts';
import { booleanFilter, checkFilters, hasLabels, matchesPattern } from '../filters.ts';
import type { Context } from './context.ts';
import { sizes } from './inspect.ts';
import { argvOf } from './merge-config.ts';
import { wireMounts } from './mounts.ts';
import { exposedPorts, parsePortKey, summaryPorts } from './ports.ts';
import type { ContainerRecord } from './record.ts';
import { exitCodeOf, isLive, runOf } from './state.ts';
import { statusText } from './status-text.ts';
import { millisOf } from './time.ts';
import { wireNetworks } from './wire-networks.ts';

const FILTERS = [
  'id',
  'name',
  'label',
  'status',
  'health',
  'exited',
  'ancestor',
  'before',
  'since',
  'volume',
  'network',
  'publish',
  'expose',
  'is-task',
  'isolation',
];
const STATUSES: readonly ContainerStatus[] = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
];

export interface ListOptions {
  readonly all: boolean;
  readonly limit?: number | undefined;
  readonly size: boolean;
  readonly filters: Filters;
}

/** `GET /containers/json`: newest first; without `all` the running ones only. Takes no container's lock. */
export async function list(ctx: Context, options: ListOptions): Promise<ContainerSummary[]> {
  checkFilters(options.filters, FILTERS);
  const limit = options.limit !== undefined && options.limit > 0 ? options.limit : undefined;
  const all = options.all || limit !== undefined || (options.filters['status']?.length ?? 0) > 0;
  const matches = containerMatcher(ctx, options.filters);
  const records = ctx.store
    .all()
    .reverse()
    .filter((c) => all || isLive(c.state) || c.state.kind === 'restarting')
    .filter(matches)
    .slice(0, limit);
  return await Promise.all(records.map((record) => summary(ctx, record, options.size)));
}

async function summary(ctx: Context, record: ContainerRecord, size: boolean): Promise<ContainerSummary> {
  const links = ctx.store
    .all()
    .flatMap((other) =>
      (other.hostConfig.Links ?? [])
        .filter((text) => text.startsWith(`/${record.name}:`))
        .map((text) => text.slice(text.indexOf(':') + 1)),
    );
  const image = record.config.Image ?? '';
  return {
    Id: record.id,
    Names: [`/${record.name}`, ...links],
    // The name that was typed may stand for another image by now.
    Image: image === '' || ctx.images.find(image)?.id === record.imageId ? image : record.imageId,
    ImageID: record.imageId,
    Command: commandText(argvOf(record.config)),
    Created: Math.floor(millisOf(record.createdAt) / 1000),
    Ports: isLive(record.state) ? summaryPorts(exposedPorts(record.config, record.hostConfig), record.ports) : [],
    ...(size ? await sizes(ctx, record) : {}),
    Labels: { ...record.config.Labels },
    State: record.state.kind,
    Status: statusText(record.state, ctx.health.of(record.id)?.Status, Date.now()),
    HostConfig: {
      NetworkMode: record.hostConfig.NetworkMode ?? 'bridge',
      ...(record.hostConfig.Annotations ? { Annotations: record.hostConfig.Annotations } : {}),
    },
    NetworkSettings: { Networks: wireNetworks(record) },
    Mounts: wireMounts(record.mounts, (name) => ctx.options.storage.volumes.dataPath(name)),
  };
}

/** Program and arguments in one line; arguments with blanks in quotes. */
export function commandText(argv: readonly string[]): string {
  const [path = '', ...args] = argv;
  return [path, ...args.map((arg) => (/\s/.test(arg) ? `'${arg}'` : arg))].join(' ');
}

/** Whether a container is one of those that filters ask for: values of a key are alternatives, labels must all hold. */
function containerMatcher(ctx: Context, filters: Filters): (record: ContainerRecord) => boolean {
  const tests: ((record: ContainerRecord) => boolean)[] = [];
  const some = (key: string, test: (value: string, record: ContainerRecord) => boolean) => {
    const values = filters[key];
    if (values !== undefined && values.length > 0) tests.push((record) => values.some((v) => test(v, record)));
  };
  some('id', (v, c) => c.id.startsWith(v));
  some('name', (v, c) => matchesPattern([v], c.name, `/${c.name}`));
  tests.push((c) => hasLabels(c.config.Labels, filters['label']));
  for (const value of filters['status'] ?? []) {
    if (!(STATUSES as readonly string[]).includes(value)) {
      throw invalidParameter({
        message: `invalid filter 'status=${value}': invalid container state: ${value}`,
      });
    }
  }
  some('status', (v, c) => c.state.kind === v);
  for (const value of filters['health'] ?? []) {
    if (!['none', 'starting', 'healthy', 'unhealthy'].includes(value)) {
      throw invalidParameter({ message: `unrecognized filter value for health: ${value}` });
    }
  }
  some('health', (v, c) => (ctx.health.of(c.id)?.Status ?? 'none') === v);
  for (const value of filters['exited'] ?? []) {
    if (!/^-?\d+$/.test(value)) {
      throw invalidParameter({
        message: `invalid filter 'exited=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`,
      });
    }
  }
  some('exited', (v, c) => !isLive(c.state) && runOf(c.state) !== null && exitCodeOf(c.state) === Number(v));
  some('volume', (v, c) =>
    c.mounts.some(
      (m) =>
        m.target === v ||
        (m.kind === 'volume' && (m.name === v || ctx.options.storage.volumes.dataPath(m.name) === v)) ||
        (m.kind === 'bind' && m.source === v),
    ),
  );
  some('network', (v, c) => c.attachments.some((a) => a.network === v || (v !== '' && a.networkId.startsWith(v))));
  some('publish', (v, c) => c.ports.some((p) => portTest(v)(p.hostPort, p.protocol)));
  some('expose', (v, c) => exposedPorts(c.config, c.hostConfig).some((p) => portTest(v)(p.port, p.protocol)));
  const ancestors = filters['ancestor'];
  if (ancestors?.length) {
    const wanted = ancestors.flatMap((ref) => ctx.images.find(ref) ?? []);
    tests.push((c) => wanted.some((image) => descends(ctx, c.imageId, image)));
  }
  for (const ref of filters['before'] ?? []) {
    const { createdAt, id } = ctx.store.lookup(ref);
    tests.push((c) => c.id !== id && millisOf(c.createdAt) <= millisOf(createdAt));
  }
  for (const ref of filters['since'] ?? []) {
    const { createdAt, id } = ctx.store.lookup(ref);
    tests.push((c) => c.id !== id && millisOf(c.createdAt) >= millisOf(createdAt));
  }
  if (booleanFilter(filters, 'is-task', false)) tests.push(() => false);
  return (record) => tests.every((test) => test(record));
}

function portTest(value: string): (port: number, protocol: string) => boolean {
  const wanted = parsePortKey(value);
  return (port, protocol) => wanted.some((w) => w.port === port && w.protocol === protocol);
}

/** The same image, or one whose stack of layers begins with the other's. */
function descends(ctx: Context, imageId: string, ancestor: Image): boolean {
  if (imageId === ancestor.id) return true;
  const image = imageId === '' ? undefined : ctx.images.find(imageId);
  if (image === undefined || image.chain.length < ancestor.chain.length) return false;
  return ancestor.chain.length > 0 && image.chain[ancestor.chain.length - 1] === ancestor.chain.at(-1);
}
