import { printOutput } from '../apply/container-output.ts';
import { allOrFirst } from '../apply/all-or-first.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { projectEvents } from '../apply/project-events.ts';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { LogPrinter } from '../output/log-printer.ts';
import { label, numberOf } from '../plan/labels.ts';
import { displayName } from '../plan/names.ts';
import { toEngineTime } from '../output/time.ts';
import { wholeNumber } from '../flags.ts';

export default command({
  usage: 'logs [OPTIONS] [SERVICE...]',
  summary: 'View output from containers',
  flags: {
    follow: { names: '-f, --follow', help: 'Follow log output' },
    index: { names: '--index', value: 'int', help: 'index of the container if service has multiple replicas' },
    noColor: { names: '--no-color', help: 'Produce monochrome output' },
    noLogPrefix: { names: '--no-log-prefix', help: "Don't print prefix in logs" },
    since: {
      names: '--since',
      value: 'string',
      help: 'Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)',
    },
    tail: {
      names: '-n, --tail',
      value: 'string',
      help: 'Number of lines to show from the end of the logs for each container',
    },
    timestamps: { names: '-t, --timestamps', help: 'Show timestamps' },
    until: { names: '--until', value: 'string', help: 'Show logs before a timestamp or relative' },
  },
  async run(context, { flags, args }) {
    const { name } = await context.projectOrName(args);
    const { client, io } = context;
    const index = wholeNumber(flags.index, '--index');
    if (index !== undefined && args.length !== 1)
      throw composeUsage({ message: '--index requires one service to be selected' });
    const containers = (await serviceContainers(client, name, args)).filter(
      (c) => index === undefined || numberOf(c) === index,
    );
    const printer = new LogPrinter(io.stdout, io.stdout, {
      prefix: !flags.noLogPrefix,
      colour: !flags.noColor && context.colour,
    });
    for (const c of containers) printer.register(displayName(name, nameOf(c)));
    const following = new Map<string, Promise<void>>();
    const show = async (id: string, container: string, since: string | undefined): Promise<void> => {
      const { Config } = await client.containers.inspect(id);
      const stream = await client.containers.logs(
        id,
        {
          stdout: true,
          stderr: true,
          follow: flags.follow,
          timestamps: flags.timestamps,
          tail: since === undefined ? (flags.tail ?? 'all') : 'all',
          since: since ?? toEngineTime(flags.since),
          until: toEngineTime(flags.until),
        },
        io.signal,
      );
      await printOutput(stream, Config.Tty ?? false, printer, displayName(name, container), { mergeStderr: true });
    };
    for (const c of containers) following.set(c.Id, show(c.Id, nameOf(c), undefined));
    if (!flags.follow) {
      await allOrFirst([...following.values()]);
      return 0;
    }
    const ended = new AbortController();
    const watch = async (): Promise<void> => {
      for await (const event of projectEvents(client, name, AbortSignal.any([io.signal, ended.signal]))) {
        const service = label({ Labels: event.Actor.Attributes }, 'service') ?? '';
        if (event.Action !== 'start' || (args.length > 0 && !args.includes(service))) continue;
        await following.get(event.Actor.ID)?.catch(() => undefined);
        following.set(event.Actor.ID, show(event.Actor.ID, event.Actor.Attributes['name'] ?? '', String(event.time)));
      }
    };
    const watching = watch().catch((e: unknown) => {
      if (!ended.signal.aborted && !io.signal.aborted) throw e;
    });
    // Ends when all have ended and none has begun meanwhile.
    for (let count = -1; count !== following.size; ) {
      count = following.size;
      await Promise.allSettled(following.values());
    }
    ended.abort();
    await watching;
    return io.signal.aborted ? 130 : 0;
  },
});
