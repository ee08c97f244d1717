import type { CacheEntry } from '../../core/wire/build.ts';
import type { Builder } from '../contract.ts';
import { type Methods, streaming, unary } from './grpc/server.ts';
import * as wire from './wire/messages.ts';

/** `docker buildx du`, `prune` and `history`. */
export function cacheMethods(service: string, builder: Pick<Builder, 'usage' | 'prune'>): Methods {
  return {
    [`${service}/DiskUsage`]: unary(wire.Empty, wire.DiskUsageResponse, async () => ({
      record: (await builder.usage()).map(recordOf),
    })),
    [`${service}/Prune`]: streaming(
      wire.PruneRequest,
      wire.UsageRecord,
      async function* ({ keepDuration, reservedSpace }) {
        const before = await builder.usage();
        await builder.prune({
          ...(keepDuration > 0n ? { unusedForSeconds: Number(keepDuration / 1_000_000_000n) } : {}),
          ...(reservedSpace > 0 ? { keepBytes: reservedSpace } : {}),
        });
        const left = new Set((await builder.usage()).map(({ ID }) => ID));
        for (const entry of before) if (!left.has(entry.ID)) yield recordOf(entry);
      },
    ),
    // Builds of the past are told by the engine's own interface.
    [`${service}/ListenBuildHistory`]: streaming(wire.Empty, wire.Empty, async function* () {}),
    [`${service}/UpdateBuildHistory`]: unary(wire.Empty, wire.Empty, () => ({})),
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
