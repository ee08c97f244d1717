import { join } from 'node:path';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { bareName, bareRuntime } from './bare.ts';
import { wharfPath } from './installed.ts';
import { report } from './report.ts';
import { medians, timed } from './support.ts';

/** `wharf run --rm busybox true` against the bare OCI runtime on a prepared bundle; with the docker CLI see `engine`. */
export async function benchRun(daemon: TestDaemon): Promise<void> {
  const bundle = join(daemon.directory, 'bundle');
  const runtime = await bareRuntime(bundle);
  const { run = 0, bare = 1 } = medians(10, {
    bare: () => timed(runtime, ['run', '--bundle', bundle, bareName()]),
    run: () => timed(wharfPath, ['run', '--rm', 'busybox', 'true'], daemon.env),
  });
  report('wharf run --rm busybox true', run, bare, `bare ${runtime} run`, 8);
}
