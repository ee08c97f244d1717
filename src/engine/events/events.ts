import { defineError } from '../../core/errors.ts';
import type { EventMessage } from '../../core/wire/resources.ts';
import type { Events } from '../contract.ts';
import { wallNanos } from '../clock.ts';
import { eventMatcher } from './match.ts';
import type { Journal } from './journal.ts';
import { Subscription } from './subscription.ts';

/** How many past events are remembered for `since`. Docker: 256. */
export const REMEMBERED = 1024;
/** Events seem to come from the future by more than this: the clock was set back, and is followed. */
const SET_BACK_NANOS = 10_000_000_000n;

const sinceAfterUntil = defineError(
  'SINCE_AFTER_UNTIL',
  'invalid',
  (f: { since: bigint; until: bigint }) =>
    `\`since\` time (${seconds(f.since)}) cannot be after \`until\` time (${seconds(f.until)})`,
);

/**
 * The engine's bus of events: remembers the last 1024, and gives every subscriber each event that matches, in order.
 * @param journal what makes them outlive the daemon: begins with those of before, and has each before anybody is told of it
 */
export function createEvents(journal?: Pick<Journal, 'past' | 'append'>): Events {
  const remembered: EventMessage[] = [...(journal?.past ?? [])];
  const subscriptions = new Set<Subscription>();
  let last = BigInt(remembered.at(-1)?.timeNano ?? 0);

  /**
   * Strictly rising in steps that survive a JavaScript number, which holds 2^53 exactly and these only to 256 ns; also from
   * one daemon to the next, as clients go on with the last time that they saw.
   */
  const now = (): bigint => {
    const wall = wallNanos();
    const isAhead = wall > last || last - wall > SET_BACK_NANOS;
    last = isAhead ? wall : last + 1000n;
    return last;
  };

  return {
    publish({ type, action, id, attributes }) {
      const nanos = now();
      const message: EventMessage = {
        ...(type === 'container' || type === 'image' ? { status: action, id } : {}),
        ...(type === 'container' && attributes['image'] !== undefined ? { from: attributes['image'] } : {}),
        Type: type,
        Action: action,
        Actor: { ID: id, Attributes: { ...attributes } },
        scope: 'local',
        time: Number(nanos / 1_000_000_000n),
        timeNano: Number(nanos),
      };
      journal?.append(message);
      remembered.push(message);
      if (remembered.length > REMEMBERED) remembered.shift();
      for (const subscription of subscriptions) subscription.offer(message);
    },

    listenerCount: () => subscriptions.size,

    subscribe({ sinceNanos, untilNanos, filters, signal }) {
      if (sinceNanos !== undefined && untilNanos !== undefined && sinceNanos > untilNanos)
        throw sinceAfterUntil({ since: sinceNanos, until: untilNanos });
      const matches = eventMatcher(filters);
      const past = sinceNanos === undefined && untilNanos === undefined ? [] : remembered.filter(within);
      const subscription = new Subscription(matches, signal, () => subscriptions.delete(subscription));
      // Nothing can be published between looking back and listening: both happen in this turn.
      for (const message of past) subscription.offer(message);
      if (untilNanos !== undefined) subscription.endAt(Number(untilNanos / 1_000_000n));
      if (!subscription.ended) subscriptions.add(subscription);
      return subscription;

      function within(e: EventMessage): boolean {
        return (
          (sinceNanos === undefined || e.timeNano >= Number(sinceNanos)) &&
          (untilNanos === undefined || e.timeNano <= Number(untilNanos))
        );
      }
    },
  };
}

function seconds(nanos: bigint): string {
  return `${nanos / 1_000_000_000n}`;
}
