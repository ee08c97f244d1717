import { setTimeout as sleep } from 'node:timers/promises';
import { invalidParameter, WharfError } from '../../core/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { ok, type Route } from '../http/route.ts';
import { sendJsonLines } from '../stream/json-lines.ts';

const INTERVAL_MS = 1000;
type Sample = Record<string, unknown>;

export const statsRoutes: readonly Route[] = [{ method: 'GET', path: '/containers/:id/stats', handle: stats }];

async function stats(exchange: Exchange) {
  const { query } = exchange;
  const stream = query.flag('stream', true);
  const oneShot = exchange.speaks('1.41') && query.flag('one-shot');
  if (stream && oneShot) throw invalidParameter({ message: 'cannot have stream=true and one-shot=true' });
  const sample = () => exchange.engine.containers.stats(exchange.param('id'));
  const first = await sample();
  if (oneShot) return ok(after(undefined, first));
  if (stream) return sendJsonLines(exchange, everySecond(first, sample, exchange.signal));
  await sleep(INTERVAL_MS, undefined, { signal: exchange.signal });
  return ok(after(first, await sample()));
}

async function* everySecond(first: Sample, sample: () => Promise<Sample>, signal: AbortSignal) {
  let before = first;
  for (;;) {
    const slept = await sleep(INTERVAL_MS, true, { signal }).catch(() => false);
    if (!slept) return;
    const now = await sample().catch((e: unknown) => {
      // Removed meanwhile: that is the end of the stream, not an error.
      if (e instanceof WharfError && e.kind === 'notFound') return undefined;
      throw e;
    });
    if (now === undefined) return;
    yield after(before, now);
    before = now;
  }
}

/** A sample with the one before it, from which clients compute percentages. */
function after(before: Sample | undefined, now: Sample): Sample {
  return {
    ...now,
    preread: before?.['read'] ?? '0001-01-01T00:00:00Z',
    precpu_stats: before?.['cpu_stats'] ?? {
      cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
      throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
    },
  };
}
