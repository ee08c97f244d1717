import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { messageOf } from '../core/errors.ts';
import { mountWith, mountinfo, umount } from '../linux/index.ts';
import { volumeMountFailed } from './errors.ts';
import type { VolumeMount } from './volume-options.ts';
import { serverName } from './volume-options.ts';

/**
 * Which volumes with driver options are mounted, and for whom. The host's mount carries the data while anybody uses it, also
 * across a restart of the daemon: one who comes later must find the same file system (a tmpfs has no other place).
 */
export class VolumeMounts {
  readonly #users = new Map<string, Set<string>>();
  /** One after the other for each path. */
  readonly #turns = new Map<string, Promise<void>>();

  /** Mounts it for its first user. @throws {WharfError} `VOLUME_MOUNT_FAILED` */
  acquire(path: string, wanted: VolumeMount, user: string): Promise<void> {
    return this.#inTurn(path, async () => {
      const users = this.#users.get(path) ?? new Set();
      if (users.size === 0 && !isMounted(path)) await mountAt(path, wanted);
      this.#users.set(path, users.add(user));
    });
  }

  release(path: string, user: string): Promise<void> {
    return this.#inTurn(path, () => {
      const users = this.#users.get(path);
      if (users?.delete(user) !== true || users.size > 0) return;
      this.#users.delete(path);
      unmountAt(path);
    });
  }

  /** The users there are; without any what is mounted is unmounted. */
  recover(path: string, users: readonly string[]): void {
    if (users.length > 0) this.#users.set(path, new Set(users));
    else unmountAt(path);
  }

  async #inTurn(path: string, work: () => Promise<void> | void): Promise<void> {
    const before = this.#turns.get(path) ?? Promise.resolve();
    const turn = before.then(work);
    const settled = turn.catch(() => undefined);
    this.#turns.set(path, settled);
    try {
      await turn;
    } finally {
      if (this.#turns.get(path) === settled) this.#turns.delete(path);
    }
  }
}

/** Whether anything is mounted at exactly this path. */
export function isMounted(path: string): boolean {
  return mountinfo().some((m) => m.mountpoint === path);
}

/** Takes everything away that is mounted at a path. Containers that have it keep it: theirs is a mount of its own. */
export function unmountAt(path: string): void {
  while (isMounted(path)) umount(path, { detach: true });
}

async function mountAt(path: string, wanted: VolumeMount): Promise<void> {
  const { device, type, flags, propagation } = wanted;
  let { data } = wanted;
  const fail = (reason: string, cause: unknown) => volumeMountFailed({ path, device, flags, data, reason }, { cause });
  const server = serverName(wanted);
  if (server !== undefined && isIP(server) === 0) {
    try {
      const { address } = await lookup(server);
      data = data.replace(`addr=${server}`, `addr=${address}`);
    } catch (e) {
      throw fail(`error resolving passed in network volume address: ${messageOf(e)}`, e);
    }
  }
  try {
    mountWith({ source: device, target: path, type, flags, data, propagation });
  } catch (e) {
    throw fail(reasonOf(e), e);
  }
}

/** The kernel's words alone: what was mounted where is said already. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^mount "[^"]*": /, '');
}
