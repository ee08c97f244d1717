import { messageOf } from '../../core/errors.ts';
import { lackOfOpenFiles } from '../../core/open-files.ts';
import { removeTree } from '../../storage/index.ts';
import type { Context } from './context.ts';
import { containerDirectory, publish } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { exitCodeOf } from './state.ts';

/**
 * Removes a container that has no process: its record, its root, its files, and with `volumes` the anonymous volumes that
 * nobody else uses. The caller holds its lock. Failing half way leaves it `dead`; it can be tried again, and is by itself
 * where it failed for want of open files.
 * @param behind given: the container is gone for everybody before its root and files are, and what is to be done before
 * those is done between. What should then be left, the next start of the daemon removes.
 */
export async function removeLocked(
  ctx: Context,
  record: ContainerRecord,
  volumes: boolean,
  behind?: () => Promise<void>,
): Promise<void> {
  const { id } = record;
  await ctx.ahead.drop(id);
  const exitCode = exitCodeOf(record.state);
  const anonymous = volumes ? unusedAnonymous(ctx, record) : [];
  if (behind === undefined || anonymous.length > 0) ctx.store.apply(id, { kind: 'removalBegun' });
  try {
    if (behind === undefined) await removeFiles(ctx, record);
    for (const name of anonymous) await ctx.volumes.remove(name, true);
  } catch (error) {
    ctx.store.apply(id, { kind: 'removalFailed' });
    if (lackOfOpenFiles(messageOf(error)) !== undefined) tryAgainLater(ctx, id, volumes);
    ctx.waiters.removed(id, { exitCode, error: messageOf(error) });
    throw error;
  }
  ctx.store.delete(id);
  ctx.health.forget(id);
  publish(ctx, record, 'destroy');
  ctx.waiters.removed(id, { exitCode });
  if (behind === undefined) return await ctx.options.storage.db.synced();
  await behind();
  try {
    await removeFiles(ctx, record);
  } catch (error) {
    ctx.log.warn('files of a removed container are left', { containerId: id, error: messageOf(error) });
  }
}

/** Open files are had again as soon as others close theirs. */
const TRY_AGAIN_MS = 1000;

function tryAgainLater(ctx: Context, id: string, volumes: boolean): void {
  const again = async (): Promise<void> => {
    const record = ctx.store.find(id);
    if (ctx.closing || record?.state.kind !== 'dead') return;
    await removeLocked(ctx, record, volumes);
  };
  setTimeout(() => {
    ctx.lock
      .run(id, again)
      .catch((e: unknown) =>
        ctx.log.warn('a container is still not removed', { containerId: id, error: messageOf(e) }),
      );
  }, TRY_AGAIN_MS).unref();
}

async function removeFiles(ctx: Context, { id, mounts }: ContainerRecord): Promise<void> {
  const { snapshots } = ctx.options.storage;
  await Promise.all([
    snapshots.remove(id),
    ...mounts.flatMap((m) => (m.kind === 'image' ? [snapshots.remove(m.key)] : [])),
    // Soon given up: who asked is told, and it is tried again without him.
    removeTree(containerDirectory(ctx, id), 5),
    ctx.options.runtime.abandon(id),
  ]);
}

function unusedAnonymous(ctx: Context, record: ContainerRecord): string[] {
  return record.mounts.flatMap((mount) => {
    if (mount.kind !== 'volume' || !mount.anonymous) return [];
    return usersOfVolume(ctx, mount.name).some((id) => id !== record.id) ? [] : [mount.name];
  });
}

/** Containers, also stopped ones, that use a volume; those that are being removed no longer count. */
export function usersOfVolume(ctx: Pick<Context, 'store'>, name: string): string[] {
  return ctx.store
    .all()
    .filter((c) => c.state.kind !== 'removing' && c.mounts.some((m) => m.kind === 'volume' && m.name === name))
    .map((c) => c.id);
}
