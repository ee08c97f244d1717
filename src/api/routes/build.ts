import { Readable } from 'node:stream';
import { cacheFilter, parseBuildExtras, type BuildRequest, type RunLimits } from '../../build/index.ts';
import { parseGoDuration } from '../../core/go-duration.ts';
import { invalidParameter, unsupported } from '../../core/errors.ts';
import { isOddCgroupParent, ulimitFault } from '../../core/ulimits.ts';
import type { Ulimit } from '../../core/wire/container.ts';
import { parseFilters } from '../decode/filters.ts';
import { parseRegistryConfig } from '../decode/registry-auth.ts';
import { decode } from '../decode/shape.ts';
import type { Exchange } from '../http/exchange.ts';
import { ok, type Route, status } from '../http/route.ts';
import { streamProgress } from '../stream/progress.ts';
import { sendStream } from '../stream/send-stream.ts';

export const buildRoutes: readonly Route[] = [
  { method: 'POST', path: '/build', handle: build },
  { method: 'POST', path: '/build/prune', handle: prune },
  { method: 'GET', path: '/build/history', handle: ({ builder }) => ok(builder.history()) },
  {
    method: 'GET',
    path: '/build/history/:id/log',
    handle: (exchange) => ok(exchange.builder.historyLog(exchange.param('id'))),
  },
  { method: 'DELETE', path: '/build/history/:id', handle: forget },
  { method: 'GET', path: '/build/cache', handle: async ({ builder }) => ok(await builder.usage()) },
  { method: 'GET', path: '/build/files', handle: files },
  { method: 'GET', path: '/build/cache/export', handle: cacheExport },
  { method: 'POST', path: '/build/cancel', handle: () => status(200) },
];

async function build(exchange: Exchange) {
  if (exchange.query.text('version') === '2') return tracedBuild(exchange);
  const request = buildRequest(exchange);
  await streamProgress(exchange, async (onMessage, signal) => {
    await exchange.builder.build(request, onMessage, signal);
  });
  return undefined;
}

const CLIENT_SESSION = 'client-session';
const UPLOAD = 'upload-request';
const OUTPUTS = { list: { struct: { Type: 'text', Attrs: { map: 'text' } } } } as const;

/** What clients of before buildx ask for: BuildKit's progress and sessions, but the engine drives the build. */
async function tracedBuild(exchange: Exchange) {
  const { query, request, builder } = exchange;
  const buildId = query.text('buildid');
  if (buildId.startsWith(`${UPLOAD}:`)) {
    await builder.buildKit.upload(buildId.slice(UPLOAD.length + 1), request, exchange.signal);
    return status(200);
  }
  const remote = query.text('remote');
  const source = remote === CLIENT_SESSION ? 'session' : remote === UPLOAD ? 'upload' : 'body';
  const outputs = decode<{ Type?: string; Attrs?: Record<string, string> | null }[]>(
    OUTPUTS,
    query.json('outputs') ?? [],
    'outputs',
  ).map(({ Type, Attrs }) => ({ type: Type ?? '', attrs: Attrs ?? {} }));
  const traced = { ...buildRequest(exchange), buildId, session: query.text('session'), source, outputs } as const;
  await streamProgress(exchange, (onMessage, signal) => builder.buildKit.build(traced, onMessage, signal));
  return undefined;
}

function forget(exchange: Exchange) {
  const id = exchange.param('id');
  if (!exchange.builder.forget(id)) throw invalidParameter({ message: `no such build: ${id}` });
  return status(204);
}

const TIMES = ['until', 'unused-for'];
/** What tells entries of the cache apart. */
const NAMED = ['id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'];

/** A filter of the Engine API in BuildKit's words. */
function conditionOf(key: string, value: string): string {
  if (value === '') return key;
  return key === 'id' ? `id~=${value}` : `${key}==${value}`;
}

async function prune({ builder, query }: Exchange) {
  const filters = parseFilters(query.text('filters'));
  const unknown = Object.keys(filters).find((key) => ![...TIMES, ...NAMED, 'label', 'label!'].includes(key));
  // Passed over it would take away what was to stay.
  if (unknown !== undefined)
    throw invalidParameter({ message: `failed to prune build cache: invalid filter '${unknown}'` });
  // No entry has a label.
  if (filters['label']?.length) return ok({ CachesDeleted: null, SpaceReclaimed: 0 });
  const until = [...(filters['until'] ?? []), ...(filters['unused-for'] ?? [])][0];
  const wanted = NAMED.flatMap((key) => (filters[key] ?? []).map((value) => conditionOf(key, value)));
  const ids =
    wanted.length === 0
      ? undefined
      : new Set((await builder.usage()).filter(cacheFilter([wanted.join(',')])).map(({ ID }) => ID));
  const keep = query.integer('keep-storage') || query.integer('max-used-space') || query.integer('reserved-space');
  return ok(
    await builder.prune({
      all: query.flag('all'),
      ...(until === undefined ? {} : { unusedForSeconds: secondsOf(until) }),
      ...(keep ? { keepBytes: keep } : {}),
      ...(ids === undefined ? {} : { ids }),
    }),
  );
}

/** The files of an image, or an archive of images (`type`, `attrs`), for `wharf build -o`: an addition to the Engine API. */
async function files(exchange: Exchange) {
  const { query, builder, signal } = exchange;
  const type = query.text('type');
  if (type !== '') {
    const attrs = withoutNulls(texts(query.json('attrs'), 'attrs'));
    const { tar, root } = await builder.archive(query.all('image'), type, attrs, signal);
    return sendStream(exchange, tar, {
      'Content-Type': 'application/x-tar',
      'X-Wharf-Descriptor': JSON.stringify(root),
    });
  }
  const tar = await exchange.builder.files(exchange.query.text('image'), exchange.signal);
  return sendStream(exchange, tar, { 'Content-Type': 'application/x-tar' });
}

/** A cache that a build has written, for `wharf build --cache-to type=local`: an addition to the Engine API. */
async function cacheExport(exchange: Exchange) {
  const tar = await exchange.builder.takeCache(exchange.query.text('id'), exchange.signal);
  return sendStream(exchange, tar, { 'Content-Type': 'application/x-tar' });
}

/** `24h`, as Go writes a time. */
function secondsOf(text: string): number {
  const nanos = parseGoDuration(text);
  if (nanos === undefined)
    throw invalidParameter({ message: `invalid duration ${JSON.stringify(text)}: use one like 24h` });
  return nanos / 1e9;
}

/** Two blocks of zeros: the end of a tar. */
const EMPTY_TAR = Buffer.alloc(1024);

function buildRequest({ query, request }: Exchange): BuildRequest {
  const remote = query.text('remote');
  const isUrl = remote !== '' && remote !== CLIENT_SESSION && remote !== UPLOAD;
  if (query.flag('squash')) throw unsupported({ message: 'squash is not supported' });
  return {
    context: isUrl ? Readable.from([EMPTY_TAR]) : request,
    remote: isUrl ? remote : undefined,
    dockerfile: query.text('dockerfile') || 'Dockerfile',
    tags: query.all('t').filter((t) => t !== ''),
    buildArgs: texts(query.json('buildargs'), 'buildargs'),
    labels: withoutNulls(texts(query.json('labels'), 'labels')),
    target: query.text('target'),
    noCache: query.flag('nocache'),
    pull: query.flag('pull'),
    quiet: query.flag('q'),
    networkMode: query.text('networkmode') || 'default',
    extraHosts: query
      .all('extrahosts')
      .flatMap((text) => text.split(','))
      .filter((h) => h !== ''),
    cacheFrom: decode('texts', query.json('cachefrom') ?? [], 'cachefrom'),
    shmSizeBytes: query.integer('shmsize') || undefined,
    limits: limitsOf(query),
    platform: query.text('platform'),
    extras: parseBuildExtras(request.headers['x-wharf-build']),
    registryConfig: parseRegistryConfig(request.headers['x-registry-config']),
    client: request.socket,
  };
}

const ULIMITS = { list: { isFilled: true, struct: { Name: 'text', Soft: 'integer', Hard: 'integer' } } } as const;

/** @throws {WharfError} `INVALID_PARAMETER` at limits that there are not */
function limitsOf(query: Exchange['query']): RunLimits {
  const ulimits = decode<Ulimit[]>(ULIMITS, query.json('ulimits') ?? [], 'ulimits');
  const cgroupParent = query.text('cgroupparent');
  const fault = ulimits.map(ulimitFault).find((message) => message !== undefined);
  if (fault !== undefined) throw invalidParameter({ message: fault });
  if (isOddCgroupParent(cgroupParent)) {
    throw invalidParameter({ message: `invalid cgroup parent: ${JSON.stringify(cgroupParent.slice(0, 100))}` });
  }
  const resources = {
    memoryBytes: query.integer('memory') || undefined,
    memorySwapBytes: query.integer('memswap') || undefined,
    cpuShares: query.integer('cpushares') || undefined,
    cpuQuotaMicros: query.integer('cpuquota') || undefined,
    cpuPeriodMicros: query.integer('cpuperiod') || undefined,
    cpusetCpus: query.text('cpusetcpus') || undefined,
    cpusetMems: query.text('cpusetmems') || undefined,
  };
  return { ulimits, cgroupParent, resources };
}

function texts(value: unknown, name: string): Record<string, string | null> {
  if (value === undefined || value === null) return {};
  try {
    return decode({ map: 'text' }, value, name);
  } catch (e) {
    throw invalidParameter({ message: `error reading ${name}: names with texts are expected` }, { cause: e });
  }
}

function withoutNulls(map: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([k, v]) => [k, v ?? '']));
}
