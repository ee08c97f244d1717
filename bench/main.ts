// npm run bench [-- run|cli|logs|memory]: timings as ratios to a bare floor of the same minute. Nothing here fails a build.
import { benchCliStart } from './cli-start.ts';
import { benchLogs } from './logs.ts';
import { benchMemory } from './memory.ts';
import { benchRun } from './run.ts';
import { withBenchDaemon } from './support.ts';

const asked = process.argv.slice(2);
const wants = (name: string) => asked.length === 0 || asked.includes(name);

if (wants('cli')) await benchCliStart();
if (wants('run') || wants('logs') || wants('memory')) {
  await withBenchDaemon(async (daemon) => {
    if (wants('run')) await benchRun(daemon);
    if (wants('logs')) await benchLogs(daemon);
    if (wants('memory')) await benchMemory(daemon);
  });
}
