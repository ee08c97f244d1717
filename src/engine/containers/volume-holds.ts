import { existsSync } from 'node:fs';
import { messageOf, WharfError } from '../../core/errors.ts';
import type { HeldPath } from '../../storage/index.ts';
import { StartError } from '../errors.ts';
import type { Context } from './context.ts';
import type { ContainerMount } from './mounts.ts';
import type { ContainerRecord } from './record.ts';
import { resolveInRoot } from './rootfs-path.ts';

/** Where the data of a container's volumes is while it is being made. Disposing lets go of the paths, not of the volumes. */
export interface VolumeSources extends Disposable {
  /** By target in the container. */
  readonly at: ReadonlyMap<string, string>;
}

/**
 * Makes a container's volumes available until `releaseVolumes`. What is not a whole volume but a part of it is found without
 * leaving the volume, and mounted on its own, so that nobody can put something else in its place meanwhile; so is what
 * containers with mapped users see with IDs of their own.
 * @throws {StartError}
 */
export async function acquireVolumes(ctx: Context, record: ContainerRecord, mapped: boolean): Promise<VolumeSources> {
  const { volumes } = ctx.options.storage;
  using held = new DisposableStack();
  const at = new Map<string, string>();
  for (const mount of record.mounts) {
    if (mount.kind === 'image') at.set(mount.target, await mountImage(ctx, mount, mapped));
    if (mount.kind !== 'volume') continue;
    if (volumes.find(mount.name) === undefined) {
      throw new StartError('internal', `get ${mount.name}: no such volume`, 128);
    }
    const data = await volumes.acquire(mount.name, record.id);
    if (mount.subpath === '' && !mapped) at.set(mount.target, data);
    else at.set(mount.target, held.use(openSubpath(ctx, mount.name, mount.subpath, mapped)).path);
  }
  const paths = held.move();
  return { at, [Symbol.dispose]: () => paths.dispose() };
}

/** Goes on past failures, which are logged: the data is what counts, not its mount. */
export async function releaseVolumes(ctx: Context, record: ContainerRecord): Promise<void> {
  for (const mount of record.mounts) {
    if (mount.kind !== 'volume' && mount.kind !== 'image') continue;
    try {
      if (mount.kind === 'image') await ctx.options.storage.snapshots.unmount(mount.key);
      else await ctx.options.storage.volumes.release(mount.name, record.id);
    } catch (error) {
      ctx.log.warn('a volume could not be unmounted', { target: mount.target, error: messageOf(error) });
    }
  }
}

/** The image's root, or the part of it that was asked for. Nobody writes to it, so that its links stay what they are. */
async function mountImage(
  ctx: Context,
  mount: Extract<ContainerMount, { kind: 'image' }>,
  mapped: boolean,
): Promise<string> {
  const root = await ctx.options.storage.snapshots.mount(mount.key, { mapped });
  if (mount.subpath === '') return root;
  const path = resolveInRoot(root, mount.subpath);
  if (existsSync(path)) return path;
  throw new StartError(
    'internal',
    `cannot access path ${mount.subpath} of image ${mount.reference}: no such file or directory`,
    128,
  );
}

function openSubpath(ctx: Context, name: string, subpath: string, mapped: boolean): HeldPath {
  const { volumes } = ctx.options.storage;
  try {
    return volumes.openPath(name, subpath, { mapped });
  } catch (cause) {
    if (cause instanceof WharfError) throw new StartError(cause.kind, cause.message, 128, { cause });
    const why = messageOf(cause).replace(/^\w+ "[^"]*": /, '');
    throw new StartError('internal', `cannot access path ${volumes.dataPath(name)}/${subpath}: ${why}`, 128, { cause });
  }
}
