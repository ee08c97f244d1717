import { realpathSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

/** The monitor lives as long as containers do and mostly sleeps: small young space, few helper threads. */
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=2',
  '--v8-pool-size=1',
  // As in the launchers: nothing that could wait for memory while the program exits.
  '--no-concurrent-recompilation',
  '--no-concurrent-sparkplug',
];

/** How to start the monitor that belongs to this very program: the bundle's beside the bundle, the source's beside the source. */
export function monitorCommand(program: string): readonly string[] {
  const path = realpathSync(program);
  return [process.execPath, ...NODE_FLAGS, join(dirname(path), `wharf-monitor${extname(path)}`)];
}
