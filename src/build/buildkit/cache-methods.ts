import { messageOf } from '../../core/errors.ts';
import type { BuildRecord, CacheEntry } from '../../core/wire/build.ts';
import { cacheFilter } from '../cache/filter.ts';
import type { Builder } from '../contract.ts';
import { buildKitWords } from './build-error.ts';
import { CODE, RpcError } from './grpc/status.ts';
import { type Methods, streaming, unary } from './grpc/server.ts';
import { HistoryLogs } from './history-logs.ts';
import * as wire from './wire/messages.ts';

/** A build that is over. */
const COMPLETE = 1;

/** `docker buildx du`, `prune` and `history`. */
export function cacheMethods(
  service: string,
  builder: Pick<Builder, 'usage' | 'prune' | 'history' | 'historyLog' | 'forget'>,
): Methods {
  const logs = new HistoryLogs(builder);
  return {
    ...logs.methods(),
    [`${service}/DiskUsage`]: unary(wire.DiskUsageRequest, wire.DiskUsageResponse, async ({ filter }) => ({
      record: (await builder.usage()).filter(filterOf(filter)).map(recordOf),
    })),
    [`${service}/Prune`]: streaming(
      wire.PruneRequest,
      wire.UsageRecord,
      async function* ({ filter, keepDuration, reservedSpace }) {
        const before = await builder.usage();
        const meant = before.filter(filterOf(filter)).map(({ ID }) => ID);
        await builder.prune({
          ...(meant.length < before.length ? { ids: new Set(meant) } : {}),
          ...(keepDuration > 0n ? { unusedForSeconds: Number(keepDuration / 1_000_000_000n) } : {}),
          ...(reservedSpace > 0 ? { keepBytes: reservedSpace } : {}),
        });
        const left = new Set((await builder.usage()).map(({ ID }) => ID));
        for (const entry of before) if (!left.has(entry.ID)) yield recordOf(entry);
      },
    ),
    // Builds that are over; those to come are not told of.
    [`${service}/ListenBuildHistory`]: streaming(
      wire.BuildHistoryRequest,
      wire.BuildHistoryEvent,
      async function* ({ activeOnly, ref }) {
        if (activeOnly) return;
        for (const record of builder.history()) {
          if (ref !== '' && record.id !== ref) continue;
          yield { type: COMPLETE, record: { ...pastBuild(record), logs: await logs.descriptorOf(record) } };
        }
      },
    ),
    [`${service}/UpdateBuildHistory`]: unary(wire.UpdateBuildHistoryRequest, wire.Empty, ({ ref, delete: remove }) => {
      if (remove && !builder.forget(ref)) throw new RpcError(CODE.notFound, `no record found for ${ref}`);
      return {};
    }),
  };
}

/** @throws {RpcError} at a filter that is not known */
function filterOf(filters: readonly string[]): (entry: CacheEntry) => boolean {
  try {
    return cacheFilter(filters.filter((filter) => filter !== ''));
  } catch (e) {
    throw new RpcError(CODE.invalidArgument, messageOf(e));
  }
}

function pastBuild(past: BuildRecord) {
  const begun = Date.parse(past.startedAt);
  const code = past.status === 'canceled' ? CODE.canceled : CODE.unknown;
  const attrs = Object.entries({ filename: past.dockerfile, target: past.target }).filter(([, value]) => value !== '');
  const count = (outcomes: readonly string[]) => past.steps.filter(({ outcome }) => outcomes.includes(outcome)).length;
  return {
    ref: past.id,
    frontend: 'dockerfile.v0',
    frontendAttrs: Object.fromEntries(attrs),
    error:
      past.status === 'completed'
        ? undefined
        : { code, message: buildKitWords(past.error ?? past.status), details: [] },
    createdAt: timestamp(past.startedAt),
    completedAt: timestamp(new Date(begun + past.ms).toISOString()),
    numCachedSteps: count(['cached']),
    numTotalSteps: past.steps.length,
    numCompletedSteps: count(['cached', 'done']),
  };
}

function recordOf(entry: CacheEntry) {
  return {
    id: entry.ID,
    mutable: entry.Type !== 'regular',
    inUse: entry.InUse,
    size: entry.Size,
    createdAt: timestamp(entry.CreatedAt),
    lastUsedAt: entry.LastUsedAt === null ? undefined : timestamp(entry.LastUsedAt),
    usageCount: entry.UsageCount,
    description: entry.Description,
    recordType: entry.Type,
    shared: entry.Shared,
    parents: [...(entry.Parents ?? [])],
  };
}

function timestamp(text: string) {
  const ms = Date.parse(text);
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}
