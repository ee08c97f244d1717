import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTar } from '../test/e2e/support/busybox.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
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

  const idle: string[] = [];
  const begin = performance.now();
  for (let i = 0; i < IDLE; i++) idle.push(quiet('run', '-d', 'busybox', 'sleep', '1000'));
  absolute(`starting ${IDLE} containers one after the other`, performance.now() - begin, 4000, 'ms');
  absolute(`all processes of Wharf with ${IDLE} idle containers`, pssMib(daemon), 150, 'MiB PSS');
  for (let i = 0; i < MANY - IDLE; i++) quiet('create', 'busybox', 'true');
  const times = medians(10, { ps: () => docker('ps', '-a'), version: () => docker('version') });
  const { ps = 0, version = 0 } = times;
  absolute(
    `docker ps -a of ${MANY} containers (docker version: ${version.toFixed(0)} ms)`,
    ps,
    version * 1.2 + 10,
    'ms',
  );
  const removing = timed('docker', ['rm', '-f', ...idle], daemon.env);
  absolute(`rm -f of the ${IDLE}`, removing, 1500, 'ms');
  execFileSync('docker', ['rm', '-f', ...quiet('ps', '-aq').split('\n')], { env: daemon.env, stdio: 'ignore' });
}

/** `run --rm` and `exec` against the same by hand. */
async function againstRuntime(
  daemon: TestDaemon,
  docker: (...args: string[]) => number,
  quiet: (...args: string[]) => string,
): Promise<void> {
  const bundle = join(daemon.directory, 'engine-bundle');
  mkdirSync(join(bundle, 'rootfs'), { recursive: true });
  execFileSync('tar', ['-xC', join(bundle, 'rootfs')], { input: await busyboxTar() });
  const id = quiet('run', '-d', 'busybox', 'sleep', '1000');
  let count = 0;
  for (const runtime of ['crun', 'runc']) {
    const name = () => `wharf-bench-engine-${process.pid}-${count++}`;
    const sleeper = name();
    try {
      writeBundle(bundle, ['true']);
      timed(runtime, ['run', '--bundle', bundle, name()]);
      writeBundle(bundle, ['sleep', '1000']);
      // Its stdio must not be ours: a detached container keeps it open.
      execFileSync(runtime, ['run', '-d', '--bundle', bundle, sleeper], { stdio: 'ignore' });
    } catch (e) {
      console.log(`${runtime} gives no floor here: ${e instanceof Error ? e.message.split('\n').at(-1) : String(e)}`);
      continue;
    }
    try {
      writeBundle(bundle, ['true']);
      const times = medians(15, {
        bareRun: () => timed(runtime, ['run', '--bundle', bundle, name()]),
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

function writeBundle(bundle: string, args: readonly string[]): void {
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' },
    root: { path: 'rootfs' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['pid', 'network', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
}
