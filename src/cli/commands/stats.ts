import { ApiError } from '../../client/index.ts';
import { shortId } from '../../core/ids.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { flag } from '../flags.ts';
import { formatRows, type Layout, type Row } from '../format/formatter.ts';
import { binarySize, humanSize } from '../format/human.ts';
import { measure, type Measure } from '../format/measure.ts';
import { tableFormat } from '../format/format-flag.ts';

const LAYOUT = {
  type: '*container.statsContext',
  headings: {
    ID: 'CONTAINER ID',
    Container: 'CONTAINER',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
  columns: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
} satisfies Layout;

export const stats = command({
  usage: '[OPTIONS] [CONTAINER...]',
  arity: arity.any,
  examples: [['Once, for a script', "wharf stats --no-stream --format '{{.Name}} {{.MemUsage}}'"]],
  options: {
    all: flag.bool('-a, --all', 'Show all containers (default shows just running)'),
    format: tableFormat(),
    noStream: flag.bool('--no-stream', 'Disable streaming stats and only pull the first result'),
    noTrunc: flag.bool('--no-trunc', 'Do not truncate output'),
  },
  async run({ args, options }, context) {
    const { signal, client } = context;
    const format = options.format ?? (context.config.statsFormat || undefined);
    const onScreen = !options.noStream && context.stdout.isTTY === true;
    const show = (rows: readonly Row[]) => {
      const text = formatRows(rows, LAYOUT, { format });
      return context.print(onScreen ? redrawn(text) : text);
    };
    if (onScreen) await context.print('\x1b[2J');
    for (let first = true; ; first = false) {
      const names =
        args.length > 0 ? args : (await client.containers.list({ all: options.all })).map((c) => shortId(c.Id));
      if (first && onScreen) await show(names.map((name) => rowFor(name, undefined, options.noTrunc)));
      // One round takes as long as the engine needs for two samples: that is the pace of the display.
      const samples = await Promise.all(names.map((name) => sampleOf(name, first && args.length > 0, context)));
      if (signal.aborted) return 130;
      const there = names
        .map((name, i) => [name, samples[i]] as const)
        .filter(([, s]) => args.length > 0 || s !== undefined);
      await show(there.map(([name, sample]) => rowFor(name, sample, options.noTrunc)));
      if (options.noStream) return 0;
      if (there.length === 0) await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  },
});

/** Over what was there, without a flicker: each line is cleared to its end, then what is below. */
function redrawn(text: string): string {
  return `\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J`;
}

/** One sample; `undefined` for a container that has gone, unless it was named and must be there. */
async function sampleOf(container: string, mustExist: boolean, context: CommandContext): Promise<Measure | undefined> {
  try {
    for await (const raw of context.client.containers.stats(container, { stream: false }, context.signal)) {
      return measure(raw);
    }
  } catch (e) {
    if (mustExist || (!(e instanceof ApiError) && !context.signal.aborted)) throw e;
  }
  return undefined;
}

function rowFor(container: string, sample: Measure | undefined, full: boolean): Row {
  const shown = (text: (m: Measure) => string) => () => (sample === undefined ? '--' : text(sample));
  return {
    ID: () => (full ? (sample?.id ?? container) : shortId(sample?.id ?? container)),
    Container: () => container,
    Name: () => sample?.name ?? '--',
    CPUPerc: shown((m) => `${m.cpuPercent.toFixed(2)}%`),
    MemUsage: () =>
      sample === undefined ? '-- / --' : `${binarySize(sample.memory)} / ${binarySize(sample.memoryLimit)}`,
    MemPerc: shown((m) => `${(m.memoryLimit > 0 ? (m.memory / m.memoryLimit) * 100 : 0).toFixed(2)}%`),
    NetIO: shown((m) => `${humanSize(m.received, 3)} / ${humanSize(m.sent, 3)}`),
    BlockIO: shown((m) => `${humanSize(m.read, 3)} / ${humanSize(m.written, 3)}`),
    PIDs: shown((m) => String(m.pids)),
  };
}
