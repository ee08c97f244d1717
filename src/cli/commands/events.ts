import type { EventMessage } from '../../core/wire/resources.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { goTime } from '../format/human.ts';
import { inspectMissing } from '../format/inspect-fields.ts';
import { goJson } from '../format/print-value.ts';
import { CompiledTemplate } from '../format/template.ts';
import { filterPairs } from '../spec/pairs.ts';
import { parseMoment } from '../spec/quantity.ts';

export const events = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    filter: flag.filter('-f, --filter', 'Filter output based on conditions provided'),
    format: flag.string('--format', 'Format output: "json" or a Go template'),
    since: flag.string('--since', 'Show all events created since timestamp'),
    until: flag.string('--until', 'Stream events until this timestamp'),
  },
  async run({ options }, context) {
    const now = new Date();
    const { format } = options;
    const template =
      format === undefined || format === 'json' ? undefined : new CompiledTemplate(format, inspectMissing);
    const messages = context.client.events({
      ...(options.since === undefined ? {} : { since: parseMoment(options.since, now) }),
      ...(options.until === undefined ? {} : { until: parseMoment(options.until, now) }),
      filters: filterPairs(options.filter),
    });
    for await (const message of messages) {
      const line = format === undefined ? eventText(message) : (template?.run(message) ?? goJson(message, true));
      await context.print(`${line}\n`);
    }
    return 0;
  },
});

/** `2026-11-21T04:04:07.000000000Z container start ID (image=busybox, name=x)`. */
function eventText({ time, timeNano, Type, Action, Actor }: EventMessage): string {
  // A number of nanoseconds is beyond what a double holds exactly: the last digits are zero.
  const nano = String(timeNano).padStart(19, '0').slice(-9);
  const [day, clock, zone = '+0000'] = goTime(time).split(' ');
  const offset = zone === '+0000' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3)}`;
  const attributes = Object.entries(Actor.Attributes ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${v}`);
  const tail = attributes.length === 0 ? '' : ` (${attributes.join(', ')})`;
  return `${day}T${clock}.${nano}${offset} ${Type} ${Action} ${Actor.ID}${tail}`;
}
