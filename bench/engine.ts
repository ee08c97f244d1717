import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { bareContainers, bareName, prepareBundle, writeBundle } from './bare.ts';
import { pssMib } from './processes.ts';
import { absolute, report } from './report.ts';
import { medians, timed } from './support.ts';

const MANY = 100;
const IDLE = 50;

/** The engine with the docker CLI as client, against the bare OCI runtime and against fixed numbers. */
export async function benchEngine(daemon: TestDaemon): Promise<void> {
  const docker = (...args: string[]) => timed('docker', args, daemon.env);
  const quiet = (...args: string[]) =>
    execFileSync('docker', args, { env: daemon.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  await againstRuntime(daemon, docker, quiet);

  const bare = await bareContainers(daemon);
  const idle: string[] = [];
  const begin = performance.now();
  for (let i = 0; i < IDLE; i++) idle.push(quiet('run', '-d', 'busybox', 'sleep', '1000'));
  const starts = { name: `bare ${bare.runtime} run -d`, value: IDLE * bare.start };
  absolute(`starting ${IDLE} containers one after the other`, performance.now() - begin, 4000, 'ms', starts);
  absolute(`all processes of Wharf with ${IDLE} idle containers`, pssMib(daemon), 150, 'MiB PSS');
  for (let i = 0; i < MANY - IDLE; i++) quiet('create', 'busybox', 'true');
  const { ps = 0, version = 0 } = medians(10, { ps: () => docker('ps', '-a'), version: () => docker('version') });
  const alone = { name: 'docker version', value: version };
  absolute(`docker ps -a of ${MANY} containers`, ps, version * 1.2 + 10, 'ms', alone);
  const removing = timed('docker', ['rm', '-f', ...idle], daemon.env);
  const removals = { name: `bare ${bare.runtime} delete -f`, value: IDLE * bare.remove };
  absolute(`rm -f of the ${IDLE}`, removing, 1500, 'ms', removals);
  execFileSync('docker', ['rm', '-f', ...quiet('ps', '-aq').split('\n')], { env: daemon.env, stdio: 'ignore' });
}

/** `run --rm` and `exec` against the same by hand. */
async function againstRuntime(
  daemon: TestDaemon,
  docker: (...args: string[]) => number,
  quiet: (...args: string[]) => string,
): Promise<void> {
  const bundle = join(daemon.directory, 'engine-bundle');
  const id = quiet('run', '-d', 'busybox', 'sleep', '1000');
  for (const runtime of ['crun', 'runc']) {
    if (!(await prepareBundle(runtime, bundle))) continue;
    const sleeper = bareName();
    writeBundle(bundle, ['sleep', '1000']);
    // Its stdio must not be ours: a detached container keeps it open.
    execFileSync(runtime, ['run', '-d', '--bundle', bundle, sleeper], { stdio: 'ignore' });
    try {
      writeBundle(bundle, ['true']);
      const times = medians(15, {
        bareRun: () => timed(runtime, ['run', '--bundle', bundle, bareName()]),
        run: () => docker('run', '--rm', 'busybox', 'true'),
        bareExec: () => timed(runtime, ['exec', sleeper, 'true']),
        exec: () => docker('exec', id, 'true'),
      });
      report('docker run --rm busybox true', times['run'] ?? 0, times['bareRun'] ?? 1, `bare ${runtime} run`, 4);
      report('docker exec true', times['exec'] ?? 0, times['bareExec'] ?? 1, `bare ${runtime} exec`, 3);
    } finally {
      execFileSync(runtime, ['delete', '--force', sleeper], { stdio: 'ignore' });
    }
  }
  quiet('rm', '-f', id);
}
