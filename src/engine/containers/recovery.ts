import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { isId } from '../../core/ids.ts';
import type { SandboxRecord } from '../../network/index.ts';
import type { Context } from './context.ts';
import { sandboxRequest } from './endpoints.ts';
import { publishEnd, release } from './exit.ts';
import { allowLinks } from './link-ways.ts';
import type { ContainerRecord } from './record.ts';
import { removeLocked } from './remove-locked.ts';
import { startsAtBoot } from './restart-policy.ts';
import { SIGKILL } from './signals.ts';
import { startLocked } from './start.ts';
import { exitCodeOf, isLive, runOf } from './state.ts';
import { nowRfc3339 } from './time.ts';

/** Exit code of a container whose end nobody saw: the machine went down. */
const LOST_EXIT = 255;
const STARTS_AT_ONCE = 4;

/**
 * Brings records and kernel in line after a start of the daemon, whatever came before: a graceful end, a crash, a reboot.
 * What runs is taken up untouched; ends that happened meanwhile are taken in; half-made things are removed; containers
 * whose policy says so are started. `settle` resolves when the exits that the monitor kept have been taken in.
 */
export async function recover(ctx: Context, settle: () => Promise<void>): Promise<void> {
  const { runtime, networks } = ctx.options;
  const alive = new Map((await runtime.alive()).map((c) => [c.containerId, c.pid]));
  const running = ctx.store.all().filter((c) => isLive(c.state) && alive.has(c.id));
  await networks.recover(
    ctx.book.bridges(),
    running.map(sandboxOf).filter((s) => s !== undefined),
  );

  for (const record of running) allowLinks(ctx, record);
  await ctx.options.storage.volumes.recover(volumeUsers(running));

  for (const id of alive.keys()) {
    const record = ctx.store.find(id);
    // Made, but the daemon died before it was recorded as running.
    if (record === undefined || !isLive(record.state)) await discard(ctx, id);
  }
  for (const record of running) ctx.health.resume(record.id);
  await settle();

  for (const record of ctx.store.all()) {
    await ctx.lock.run(record.id, () => settleRecord(ctx, record.id, alive.has(record.id)));
  }
  await removeOrphanSnapshots(ctx);
  await removeOrphanDirectories(ctx);
  await startByPolicy(ctx, alive);
}

function volumeUsers(running: readonly ContainerRecord[]): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const { id, mounts } of running) {
    for (const mount of mounts) {
      if (mount.kind === 'volume') users.set(mount.name, [...(users.get(mount.name) ?? []), id]);
    }
  }
  return users;
}

function sandboxOf(record: ContainerRecord): SandboxRecord | undefined {
  const mode = record.hostConfig.NetworkMode ?? '';
  if (mode === 'host' || mode.startsWith('container:')) return undefined;
  return {
    request: sandboxRequest(record),
    endpoints: record.attachments.flatMap((a) => (a.endpoint === null ? [] : [a.endpoint])),
    ports: record.ports,
  };
}

/** Whatever a record that does not run may have left behind is released; one whose end was not seen has ended now. */
async function settleRecord(ctx: Context, id: string, isAlive: boolean): Promise<void> {
  const record = ctx.store.find(id);
  if (record === undefined) return;
  const { state } = record;
  if (isLive(state)) {
    if (isAlive) return;
    ctx.log.warn('the end of a container was not seen', { containerId: id });
    await release(ctx, record);
    const ended = ctx.store.apply(
      id,
      { kind: 'died', exit: { code: LOST_EXIT, at: nowRfc3339(), oomKilled: false }, retryAt: null },
      { attachments: record.attachments.map((a) => ({ ...a, endpoint: null })), ports: [] },
    );
    publishEnd(ctx, ended);
  } else if (ctx.options.storage.snapshots.mountpoint(id) !== undefined) {
    await ctx.options.storage.snapshots.unmount(id);
  }
  const now = ctx.store.get(id);
  if (now.state.kind === 'removing' || now.state.kind === 'dead' || (now.hostConfig.AutoRemove && runOf(now.state))) {
    await finishRemoval(ctx, now);
  }
}

async function finishRemoval(ctx: Context, record: ContainerRecord): Promise<void> {
  try {
    if (record.state.kind === 'removing') ctx.store.apply(record.id, { kind: 'removalFailed' });
    await removeLocked(ctx, ctx.store.get(record.id), record.hostConfig.AutoRemove ?? false);
  } catch (error) {
    ctx.log.warn('a container could not be removed', { containerId: record.id, error: messageOf(error) });
  }
}

async function discard(ctx: Context, id: string): Promise<void> {
  try {
    await ctx.options.runtime.kill(id, SIGKILL, { all: true });
    await ctx.options.runtime.delete(id);
    await ctx.options.storage.snapshots.unmount(id);
  } catch (error) {
    ctx.log.warn('a half-made container could not be discarded', { containerId: id, error: messageOf(error) });
  }
}

/** Roots of containers that were being created when the daemon died. */
async function removeOrphanSnapshots(ctx: Context): Promise<void> {
  const { snapshots } = ctx.options.storage;
  for (const { key } of snapshots.list()) {
    const owner = /^([a-f0-9]{64})(-image-\d+)?$/.exec(key)?.[1];
    if (owner === undefined || ctx.store.find(owner) !== undefined) continue;
    await snapshots.remove(key).catch((error: unknown) => {
      ctx.log.warn('a left-over root could not be removed', { snapshot: key, error: messageOf(error) });
    });
  }
}

/** Files of containers that were removed, or not yet made, when the daemon died. */
async function removeOrphanDirectories(ctx: Context): Promise<void> {
  const directory = join(ctx.options.dataRoot, 'containers');
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    if (!isId(name) || ctx.store.find(name) !== undefined) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function startByPolicy(ctx: Context, alive: ReadonlyMap<string, number>): Promise<void> {
  const wanted = ctx.store.all().filter((record) => {
    if (alive.has(record.id) && isLive(record.state)) return false;
    if (record.state.kind === 'restarting') return true;
    if (record.state.kind !== 'exited') return false;
    return startsAtBoot(record.hostConfig.RestartPolicy, {
      exitCode: exitCodeOf(record.state),
      everRan: true,
      manuallyStopped: record.manuallyStopped,
    });
  });
  // Those that others join or link to first: they were made first.
  const queue = [...wanted];
  await Promise.all(
    Array.from({ length: STARTS_AT_ONCE }, async () => {
      for (let record = queue.shift(); record !== undefined; record = queue.shift()) await startOne(ctx, record);
    }),
  );
}

async function startOne(ctx: Context, { id }: ContainerRecord): Promise<void> {
  await ctx.lock.run(id, async () => {
    const record = ctx.store.find(id);
    if (record === undefined || isLive(record.state)) return;
    if (record.state.kind === 'restarting' && ctx.retries.has(id)) return;
    try {
      await startLocked(ctx, id, { restartCount: record.restartCount, restartDelayMs: 0 });
    } catch (error) {
      ctx.log.warn('a container could not be started', { containerId: id, error: messageOf(error) });
    }
  });
}
