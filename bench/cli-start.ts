import { wharfPath } from './installed.ts';
import { report } from './report.ts';
import { medians, timed } from './support.ts';

/** Start-up of the command line: `wharf --version` against the same Node with nothing to do. */
export async function benchCliStart(): Promise<void> {
  const times = medians(20, {
    floor: () => timed(process.execPath, ['-e', '0']),
    wharf: () => timed(wharfPath, ['--version']),
  });
  report('wharf --version', times['wharf'] ?? 0, times['floor'] ?? 1, 'node -e 0', 1.6);
}
