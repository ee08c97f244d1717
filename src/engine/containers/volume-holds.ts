import { messageOf } from '../../core/errors.ts';
import type { HeldPath } from '../../storage/index.ts';
import { StartError } from '../errors.ts';
import type { Context } from './context.ts';
import type { ContainerRecord } from './record.ts';

/** Where the data of a container's volumes is while it is being made. Disposing lets go of the paths, not of the volumes. */
export interface VolumeSources extends Disposable {
  /** By target in the container. */
  readonly at: ReadonlyMap<string, string>;
}

/**
 * Makes a container's volumes available until `releaseVolumes`. What is not a whole volume but a part of it is found without
 * leaving the volume, and mounted on its own, so that nobody can put something else in its place meanwhile.
 * @throws {StartError}
 */
export async function acquireVolumes(ctx: Context, record: ContainerRecord): Promise<VolumeSources> {
  const { volumes } = ctx.options.storage;
  using held = new DisposableStack();
  const at = new Map<string, string>();
  for (const mount of record.mounts) {
    if (mount.kind !== 'volume') continue;
    if (volumes.find(mount.name) === undefined) {
      throw new StartError('internal', `get ${mount.name}: no such volume`, 128);
    }
    const data = await volumes.acquire(mount.name, record.id);
    if (mount.subpath === '') at.set(mount.target, data);
    else at.set(mount.target, held.use(openSubpath(ctx, mount.name, mount.subpath)).path);
  }
  const paths = held.move();
  return { at, [Symbol.dispose]: () => paths.dispose() };
}

/** Goes on past failures, which are logged: the data is what counts, not its mount. */
export async function releaseVolumes(ctx: Context, record: ContainerRecord): Promise<void> {
  for (const mount of record.mounts) {
    if (mount.kind !== 'volume') continue;
    try {
      await ctx.options.storage.volumes.release(mount.name, record.id);
    } catch (error) {
      ctx.log.warn('a volume could not be unmounted', { volume: mount.name, error: messageOf(error) });
    }
  }
}

function openSubpath(ctx: Context, name: string, subpath: string): HeldPath {
  const { volumes } = ctx.options.storage;
  try {
    return volumes.openPath(name, subpath);
  } catch (cause) {
    const why = messageOf(cause).replace(/^\w+ "[^"]*": /, '');
    throw new StartError('internal', `cannot access path ${volumes.dataPath(name)}/${subpath}: ${why}`, 128, { cause });
  }
}
