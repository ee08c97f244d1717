import { join } from 'node:path';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { bareName, prepareBundle } from './bare.ts';
import { wharfPath } from './installed.ts';
import { report } from './report.ts';
import { medians, timed } from './support.ts';

/** `run --rm busybox true` with the docker CLI and with ours, against the bare OCI runtime on a prepared bundle. */
export async function benchRun(daemon: TestDaemon): Promise<void> {
  const bundle = join(daemon.directory, 'bundle');
  const floors: string[] = [];
  for (const runtime of ['crun', 'runc']) if (await prepareBundle(runtime, bundle)) floors.push(runtime);
  const bare = (runtime: string) => () => timed(runtime, ['run', '--bundle', bundle, bareName()]);
  const docker = (...args: string[]) => timed('docker', args, daemon.env);
  const times = medians(15, {
    ...Object.fromEntries(floors.map((runtime) => [runtime, bare(runtime)])),
    docker: () => docker('run', '--rm', 'busybox', 'true'),
    dockerPing: () => docker('version'),
    wharf: () => timed(wharfPath, ['run', '--rm', 'busybox', 'true'], daemon.env),
  });
  for (const runtime of floors) {
    report(`docker run --rm busybox true`, times['docker'] ?? 0, times[runtime] ?? 1, `bare ${runtime} run`, 8);
    report(`wharf run --rm busybox true`, times['wharf'] ?? 0, times[runtime] ?? 1, `bare ${runtime} run`, 8);
  }
  console.log(`(the docker CLI alone, docker version: ${(times['dockerPing'] ?? 0).toFixed(0)} ms)`);
}
