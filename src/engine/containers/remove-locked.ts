import { rm } from 'node:fs/promises';
import { messageOf } from '../../core/errors.ts';
import type { Context } from './context.ts';
import { containerDirectory, publish } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { exitCodeOf } from './state.ts';

/**
 * Removes a container that has no process: its root, its files, its record, and with `volumes` the anonymous volumes that
 * nobody else uses. The caller holds its lock. Failing half way leaves it `dead`; it can be tried again.
 */
export async function removeLocked(ctx: Context, record: ContainerRecord, volumes: boolean): Promise<void> {
  const { id } = record;
  const exitCode = exitCodeOf(record.state);
  ctx.store.apply(id, { kind: 'removalBegun' });
  try {
    await Promise.all([
      ctx.options.storage.snapshots.remove(id),
      ...record.mounts.flatMap((m) => (m.kind === 'image' ? [ctx.options.storage.snapshots.remove(m.key)] : [])),
      rm(containerDirectory(ctx, id), { recursive: true, force: true }),
      ctx.options.runtime.abandon(id),
    ]);
    if (volumes) await removeAnonymousVolumes(ctx, record);
  } catch (error) {
    ctx.store.apply(id, { kind: 'removalFailed' });
    ctx.waiters.removed(id, { exitCode, error: messageOf(error) });
    throw error;
  }
  ctx.store.delete(id);
  ctx.health.forget(id);
  publish(ctx, record, 'destroy');
  ctx.waiters.removed(id, { exitCode });
}

async function removeAnonymousVolumes(ctx: Context, record: ContainerRecord): Promise<void> {
  for (const mount of record.mounts) {
    if (mount.kind !== 'volume' || !mount.anonymous) continue;
    if (usersOfVolume(ctx, mount.name).length > 0) continue;
    await ctx.volumes.remove(mount.name, true);
  }
}

/** Containers, also stopped ones, that use a volume; those that are being removed no longer count. */
export function usersOfVolume(ctx: Pick<Context, 'store'>, name: string): string[] {
  return ctx.store
    .all()
    .filter((c) => c.state.kind !== 'removing' && c.mounts.some((m) => m.kind === 'volume' && m.name === name))
    .map((c) => c.id);
}
