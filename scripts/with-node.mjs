// Runs a script with the pinned Node when it is installed, else with the one that is there.
import { spawnSync } from 'node:child_process';
import { pinnedNode } from './lib/node.mjs';

const result = spawnSync(pinnedNode(), ['--disable-warning=ExperimentalWarning', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exitCode = result.status ?? 1;
