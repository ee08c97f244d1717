// npm run bench [-- NAME...]: timings as ratios to a bare floor of the same minute, at the end in one table. Nothing here fails a build.
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { benchBuild } from './build.ts';
import { benchCliStart } from './cli-start.ts';
import { benchCompose } from './compose.ts';
import { benchEngine } from './engine.ts';
import { benchLogs } from './logs.ts';
import { benchMemory } from './memory.ts';
import { benchNetwork } from './network.ts';
import { benchPeerBuilds, benchPeers } from './peers.ts';
import { benchPull } from './pull.ts';
import { benchRun } from './run.ts';
import { benchScale } from './scale.ts';
import { printTables } from './report.ts';
import { withBenchDaemon } from './support.ts';

const benches: Readonly<Record<string, (daemon: TestDaemon) => Promise<void>>> = {
  cli: benchCliStart,
  run: benchRun,
  compose: benchCompose,
  engine: benchEngine,
  logs: benchLogs,
  build: benchBuild,
  memory: benchMemory,
  network: benchNetwork,
  pull: benchPull,
  scale: benchScale,
  peers: benchPeers,
  'peer-builds': benchPeerBuilds,
};
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  await withBenchDaemon(async (daemon) => {
    for (const [name, bench] of Object.entries(benches)) {
      if (asked.length === 0 || asked.includes(name)) await bench(daemon);
    }
  }).finally(printTables);
}
