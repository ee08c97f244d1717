import { projectEvents } from '../apply/project-events.ts';
import { command } from '../context.ts';
import { toEngineTime } from '../output/time.ts';
import { label } from '../plan/labels.ts';

export default command({
  usage: 'events [OPTIONS] [SERVICE...]',
  summary: 'Receive real time events from containers',
  flags: {
    json: { names: '--json', help: 'Output events as a stream of json objects' },
    since: { names: '--since', value: 'string', help: 'Show all events created since timestamp' },
    until: { names: '--until', value: 'string', help: 'Stream events until this timestamp' },
  },
  async run(context, { flags, args }) {
    const { name } = await context.projectOrName(args);
    try {
      for await (const event of projectEvents(context.client, name, context.io.signal, {
        since: toEngineTime(flags.since),
        until: toEngineTime(flags.until),
      })) {
        const all = event.Actor.Attributes;
        const service = label({ Labels: all }, 'service') ?? '';
        if (args.length > 0 && !args.includes(service)) continue;
        const attributes = Object.fromEntries(
          Object.entries(all)
            .filter(([k]) => !k.startsWith('com.docker.compose.'))
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        const time = new Date(event.timeNano / 1e6);
        if (flags.json) {
          context.print(
            JSON.stringify({
              action: event.Action,
              attributes,
              id: event.Actor.ID,
              service,
              time: time.toISOString(),
              type: 'container',
            }),
          );
        } else {
          const pairs = Object.entries(attributes)
            .map(([k, v]) => `${k}=${v}`)
            .join(', ');
          context.print(
            `${time.toISOString().replace('T', ' ').replace('Z', '000')} container ${event.Action} ${event.Actor.ID} (${pairs})`,
          );
        }
      }
    } catch (e) {
      if (!context.io.signal.aborted) throw e;
    }
    return context.io.signal.aborted ? 130 : 0;
  },
});
