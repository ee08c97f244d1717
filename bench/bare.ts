import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTar } from '../test/e2e/support/busybox.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { timed } from './support.ts';

let count = 0;

/** A name for a container of a bare OCI runtime, never the same twice. */
export function bareName(): string {
  return `wharf-bench-${process.pid}-${count++}`;
}

/**
 * A bundle of busybox for a bare OCI runtime.
 * @returns `false` if this runtime does not work here
 */
export async function prepareBundle(runtime: string, bundle: string): Promise<boolean> {
  const rootfs = join(bundle, 'rootfs');
  if (!existsSync(rootfs)) {
    mkdirSync(rootfs, { recursive: true });
    execFileSync('tar', ['-xC', rootfs], { input: await busyboxTar() });
  }
  writeBundle(bundle, ['true']);
  try {
    timed(runtime, ['run', '--bundle', bundle, bareName()]);
    return true;
  } catch (e) {
    console.log(`${runtime} gives no floor here: ${e instanceof Error ? e.message.split('\n').at(-1) : String(e)}`);
    return false;
  }
}

/** Says what a container of this bundle runs. */
export function writeBundle(bundle: string, args: readonly string[]): void {
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' },
    root: { path: 'rootfs' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['pid', 'network', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
}

/** The OCI runtime that gives the floor, crun where it works. @throws {Error} if none does */
export async function bareRuntime(bundle: string): Promise<string> {
  for (const runtime of ['crun', 'runc']) if (await prepareBundle(runtime, bundle)) return runtime;
  throw new Error('neither crun nor runc works here');
}

/** What a bare OCI runtime takes for each of some containers that sleep. */
export interface Bare {
  readonly runtime: string;
  /** Milliseconds for each, one after the other. */
  readonly start: number;
  readonly remove: number;
}

const CONTAINERS = 20;
const measured = new Map<TestDaemon, Promise<Bare>>();

/** `run -d` and `delete --force` of a bare OCI runtime; measured once for each daemon. */
export function bareContainers(daemon: TestDaemon): Promise<Bare> {
  const found = measured.get(daemon) ?? measure(join(daemon.directory, 'bare-bundle'));
  measured.set(daemon, found);
  return found;
}

async function measure(bundle: string): Promise<Bare> {
  const runtime = await bareRuntime(bundle);
  writeBundle(bundle, ['sleep', '1000']);
  const names = Array.from({ length: CONTAINERS }, bareName);
  const begin = performance.now();
  // Their stdio must not be ours: detached containers keep it open.
  for (const name of names) execFileSync(runtime, ['run', '-d', '--bundle', bundle, name], { stdio: 'ignore' });
  const started = performance.now();
  for (const name of names) execFileSync(runtime, ['delete', '--force', name], { stdio: 'ignore' });
  const removed = performance.now();
  return { runtime, start: (started - begin) / CONTAINERS, remove: (removed - started) / CONTAINERS };
}
