// npm run bench [-- run|build|cli|compose|engine|logs|memory|network|pull|scale]: timings as ratios to a bare floor of the same minute. Nothing here fails a build.
import { benchBuild } from './build.ts';
import { benchCliStart } from './cli-start.ts';
import { benchCompose } from './compose.ts';
import { benchEngine } from './engine.ts';
import { benchLogs } from './logs.ts';
import { benchMemory } from './memory.ts';
import { benchNetwork } from './network.ts';
import { benchPull } from './pull.ts';
import { benchRun } from './run.ts';
import { benchScale } from './scale.ts';
import { withBenchDaemon } from './support.ts';

const asked = process.argv.slice(2);
const wants = (name: string) => asked.length === 0 || asked.includes(name);

if (wants('cli')) await benchCliStart();
if (
  wants('build') ||
  wants('compose') ||
  wants('run') ||
  wants('engine') ||
  wants('logs') ||
  wants('memory') ||
  wants('network') ||
  wants('pull') ||
  wants('scale')
) {
  await withBenchDaemon(async (daemon) => {
    if (wants('run')) await benchRun(daemon);
    if (wants('compose')) await benchCompose(daemon);
    if (wants('engine')) await benchEngine(daemon);
    if (wants('logs')) await benchLogs(daemon);
    if (wants('build')) await benchBuild(daemon);
    if (wants('memory')) await benchMemory(daemon);
    if (wants('network')) await benchNetwork(daemon);
    if (wants('pull')) await benchPull(daemon);
    if (wants('scale')) await benchScale(daemon);
  });
}
