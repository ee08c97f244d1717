import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTar } from '../test/e2e/support/busybox.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { wharfPath } from './installed.ts';
import { report } from './report.ts';
import { medians, timed } from './support.ts';

/** `run --rm busybox true` with the docker CLI and with ours, against the bare OCI runtime on a prepared bundle. */
export async function benchRun(daemon: TestDaemon): Promise<void> {
  const bundle = join(daemon.directory, 'bundle');
  const floors: string[] = [];
  for (const runtime of ['crun', 'runc']) if (await prepareBundle(runtime, bundle)) floors.push(runtime);
  let count = 0;
  const bare = (runtime: string) => () =>
    timed(runtime, ['run', '--bundle', bundle, `wharf-bench-${process.pid}-${count++}`]);
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

/** Makes a bundle that runs `true` in busybox; `false` if this runtime does not work here. */
export async function prepareBundle(runtime: string, bundle: string): Promise<boolean> {
  const rootfs = join(bundle, 'rootfs');
  if (!existsSync(rootfs)) {
    mkdirSync(rootfs, { recursive: true });
    execFileSync('tar', ['-xC', rootfs], { input: await busyboxTar() });
  }
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['true'], env: ['PATH=/bin'], cwd: '/' },
    root: { path: 'rootfs' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['pid', 'network', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
  try {
    timed(runtime, ['run', '--bundle', bundle, `wharf-bench-probe-${process.pid}`]);
    return true;
  } catch (e) {
    console.log(`${runtime} gives no floor here: ${e instanceof Error ? e.message.split('\n').at(-1) : String(e)}`);
    return false;
  }
}
