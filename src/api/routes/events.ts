import type { Exchange } from '../http/exchange.ts';
import type { Route } from '../http/route.ts';
import { sendJsonLines } from '../stream/json-lines.ts';

export const eventRoutes: readonly Route[] = [{ method: 'GET', path: '/events', handle: events }];

async function events(exchange: Exchange) {
  const { query, engine, signal } = exchange;
  const subscription = engine.events.subscribe({
    sinceNanos: query.time('since'),
    untilNanos: query.time('until'),
    filters: query.filters(),
    signal,
  });
  return sendJsonLines(exchange, subscription);
}
