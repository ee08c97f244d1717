import type { EventMessage } from '../../core/wire/resources.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { goTime } from '../format/human.ts';
import { goJson, NO_VALUE } from '../format/print-value.ts';
import { CompiledTemplate, TemplateExecError } from '../format/template.ts';
import { filterPairs } from '../spec/pairs.ts';
import { parseMoment } from '../spec/quantity.ts';
import { objectFormat } from '../format/format-flag.ts';

export const events = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  examples: [
    ['What ended within the last hour', 'wharf events --since 1h --until 0s -f event=die'],
    ['As JSON, one a line', 'wharf events --format json'],
  ],
  options: {
    filter: flag.filter('-f, --filter', 'Filter output based on conditions provided'),
    format: objectFormat('--format'),
    since: flag.string('--since', 'Show all events created since timestamp'),
    until: flag.string('--until', 'Stream events until this timestamp'),
  },
  async run({ options }, context) {
    const now = new Date();
    const { format } = options;
    const template = format === undefined || format === 'json' ? undefined : new CompiledTemplate(format, missing);
    const messages = context.client.events({
      ...(options.since === undefined ? {} : { since: parseMoment(options.since, now) }),
      ...(options.until === undefined ? {} : { until: parseMoment(options.until, now) }),
      filters: filterPairs(options.filter),
    });
    try {
      for await (const message of messages) {
        const line =
          format === undefined ? eventText(message) : (template?.run(fields(message)) ?? goJson(sorted(message), true));
        await context.print(`${line}\n`);
      }
    } catch (e) {
      if (e instanceof TemplateExecError) throw new ExitError(`Error parsing format: ${e.message}`, 64, e);
      throw e;
    }
    return 0;
  },
});

/** Attributes by name, as Go prints maps. */
function sorted(message: EventMessage): EventMessage {
  const attributes = Object.entries(message.Actor.Attributes ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...message, Actor: { ...message.Actor, Attributes: Object.fromEntries(attributes) } };
}

/** The message under the names that templates use; as JSON it is what the engine sent. */
function fields(message: EventMessage): object {
  const { status = '', id = '', from = '', Type, Action, Actor, scope, time, timeNano } = message;
  const named = {
    Status: status,
    ID: id,
    From: from,
    Type,
    Action,
    Actor,
    Scope: scope,
    Time: time,
    TimeNano: timeNano,
  };
  return Object.defineProperty(named, 'toJSON', { value: () => sorted(message) });
}

function missing(_: unknown, name: string, isNull: boolean): unknown {
  if (isNull) return null;
  if (/^[A-Z]/.test(name)) throw new Error(`can't evaluate field ${name} in type *events.Message`);
  return NO_VALUE;
}

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
