import { messageOf } from '../../core/errors.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { parseMoment } from '../spec/quantity.ts';
import { copyOutput } from '../stream/output.ts';

export const logs = command({
  usage: '[OPTIONS] CONTAINER',
  arity: arity.exactly(1),
  examples: [
    ['Follow the last ten lines', 'wharf logs -f -n 10 web'],
    ['What the last five minutes said', 'wharf logs --since 5m web'],
  ],
  options: {
    details: flag.bool('--details', 'Show extra details provided to logs'),
    follow: flag.bool('-f, --follow', 'Follow log output'),
    since: flag.string(
      '--since',
      'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
    tail: flag.string('-n, --tail', 'Number of lines to show from the end of the logs', { default: '"all"' }),
    timestamps: flag.bool('-t, --timestamps', 'Show timestamps'),
    until: flag.string(
      '--until',
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
  },
  async run({ args, options }, context) {
    const now = new Date();
    const moment = (name: string, text: string | undefined) => {
      try {
        return text === undefined ? undefined : parseMoment(text, now);
      } catch (e) {
        throw new ExitError(`invalid value for ${JSON.stringify(name)}: ${messageOf(e)}`, 1, e);
      }
    };
    const container = await context.client.containers.inspect(args[0] ?? '');
    const stream = await context.client.containers.logs(container.Id, {
      stdout: true,
      stderr: true,
      follow: options.follow,
      timestamps: options.timestamps,
      details: options.details,
      since: moment('since', options.since),
      until: moment('until', options.until),
      tail: options.tail ?? 'all',
    });
    await copyOutput(stream, container.Config.Tty === true, context);
    return 0;
  },
});
