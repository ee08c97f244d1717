import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mount, MOUNT_FLAGS, mountinfo, umountAll } from '../linux/index.ts';

/**
 * A /dev/shm that several containers may share: a tmpfs of the host's, which each of them binds. One that is there already is
 * kept. @param sizeBytes how much it holds at most. @param owner containers' root on the host. @returns where it is
 * @throws {SystemCallError}
 */
export function mountSharedMemory(
  execRoot: string,
  containerId: string,
  sizeBytes: number,
  owner: { readonly uid: number; readonly gid: number } = { uid: 0, gid: 0 },
): string {
  const path = pathOf(execRoot, containerId);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (isMounted(path)) return path;
  const { nosuid, nodev, noexec } = MOUNT_FLAGS.set;
  mount({
    source: 'shm',
    target: path,
    type: 'tmpfs',
    flags: (nosuid ?? 0) | (nodev ?? 0) | (noexec ?? 0),
    data: `mode=1777,size=${sizeBytes}${owner.uid === 0 ? '' : `,uid=${owner.uid},gid=${owner.gid}`}`,
  });
  return path;
}

/** Where the shared memory of a container is; `undefined` if it has none to share. */
export function sharedMemoryOf(execRoot: string, containerId: string): string | undefined {
  const path = pathOf(execRoot, containerId);
  return isMounted(path) ? path : undefined;
}

/** Lets go of a container's shared memory; it lives on in those that have bound it. Success means "not there". */
export function releaseSharedMemory(execRoot: string, containerId: string): void {
  const path = pathOf(execRoot, containerId);
  umountAll(path);
  rmSync(path, { recursive: true, force: true });
}

function pathOf(execRoot: string, containerId: string): string {
  return join(execRoot, 'shm', containerId);
}

function isMounted(path: string): boolean {
  return mountinfo().some((entry) => entry.mountpoint === path);
}
