import { shortId } from '../../core/ids.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { flag } from '../flags.ts';
import { formatRows, type Layout, type Row } from '../format/formatter.ts';
import { binarySize, humanSize } from '../format/human.ts';
import { measure, type Measure } from '../format/measure.ts';

const LAYOUT = {
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
  options: {
    all: flag.bool('-a, --all', 'Show all containers (default shows just running)'),
    format: flag.string('--format', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    noStream: flag.bool('--no-stream', 'Disable streaming stats and only pull the first result'),
    noTrunc: flag.bool('--no-trunc', 'Do not truncate output'),
  },
  async run({ args, options }, context) {
    const { signal } = context;
    for (;;) {
      const names =
        args.length > 0 ? args : (await context.client.containers.list({ all: options.all })).map((c) => shortId(c.Id));
      // One round takes as long as the engine needs for two samples: that is the pace of the display.
      const rows = await Promise.all(names.map((name) => rowOf(name, options.noTrunc, context)));
      const text = formatRows(rows, LAYOUT, options);
      const redraw = !options.noStream && context.stdout.isTTY === true;
      await context.print(redraw ? `\x1b[H\x1b[J${text}` : text);
      if (options.noStream || signal.aborted) return 0;
      if (names.length === 0) await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  },
});

async function rowOf(container: string, full: boolean, context: CommandContext): Promise<Row> {
  let sample: Measure | undefined;
  for await (const raw of context.client.containers.stats(container, { stream: false }, context.signal)) {
    sample = measure(raw);
  }
  const shown = (text: (m: Measure) => string) => () => (sample === undefined || !sample.running ? '--' : text(sample));
  return {
    ID: () => (full ? (sample?.id ?? container) : shortId(sample?.id ?? container)),
    Container: () => container,
    Name: () => sample?.name ?? '--',
    CPUPerc: shown((m) => `${m.cpuPercent.toFixed(2)}%`),
    MemUsage: () =>
      sample === undefined || !sample.running
        ? '-- / --'
        : `${binarySize(sample.memory)} / ${binarySize(sample.memoryLimit)}`,
    MemPerc: shown((m) => `${(m.memoryLimit > 0 ? (m.memory / m.memoryLimit) * 100 : 0).toFixed(2)}%`),
    NetIO: shown((m) => `${humanSize(m.received, 3)} / ${humanSize(m.sent, 3)}`),
    BlockIO: shown((m) => `${humanSize(m.read, 3)} / ${humanSize(m.written, 3)}`),
    PIDs: shown((m) => String(m.pids)),
  };
}
