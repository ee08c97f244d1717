import type { Client } from '../../client/index.ts';
import type { EventMessage } from '../../core/wire/resources.ts';
import { LABEL } from '../plan/labels.ts';

/** Events of a project's containers, until aborted. */
export function projectEvents(
  client: Client,
  project: string,
  signal: AbortSignal,
  /** Unix seconds. */
  range: { readonly since?: string | undefined; readonly until?: string | undefined } = {},
): AsyncIterable<EventMessage> {
  return client.events({
    filters: { type: ['container'], label: [`${LABEL.project}=${project}`] },
    ...(range.since === undefined ? {} : { since: range.since }),
    ...(range.until === undefined ? {} : { until: range.until }),
    signal,
  });
}

/**
 * Waits until `check` has an answer; asks at once, then after each event of the project.
 * Events of the last seconds are replayed, so that nothing that happens between subscription and first question is missed.
 */
export async function untilEvents<T>(
  client: Client,
  project: string,
  signal: AbortSignal,
  check: () => Promise<T | undefined>,
): Promise<T> {
  const stop = new AbortController();
  const since = (Date.now() / 1000 - 2).toFixed(3);
  const events = projectEvents(client, project, AbortSignal.any([signal, stop.signal]), { since })[
    Symbol.asyncIterator
  ]();
  try {
    for (;;) {
      const next = events.next();
      next.catch(() => undefined);
      const answer = await check();
      if (answer !== undefined) return answer;
      signal.throwIfAborted();
      const { done } = await next;
      signal.throwIfAborted();
      if (done) throw new Error('the stream of events ended');
    }
  } finally {
    stop.abort();
  }
}
