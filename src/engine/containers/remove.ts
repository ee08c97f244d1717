import { containerNotFound, requestFailed, stateConflict } from '../errors.ts';
import type { Context } from './context.ts';
import { parseLink } from './links.ts';
import { removeLocked } from './remove-locked.ts';
import { isLive } from './state.ts';
import { killNow } from './stop.ts';

export interface RemoveOptions {
  readonly force: boolean;
  /** Its anonymous volumes too. */
  readonly volumes: boolean;
}

/** Removes a container; a running one only by force. @throws {WharfError} `STATE_CONFLICT`, `CONTAINER_NOT_FOUND` */
export async function remove(ctx: Context, ref: string, options: RemoveOptions): Promise<void> {
  const { id } = ctx.store.lookup(ref);
  for (;;) {
    const record = ctx.store.find(id);
    if (record === undefined) return; // it removed itself when it was killed
    const shown = ref.replace(/^\//, '') === record.name ? `/${record.name}` : ref;
    if (record.state.kind === 'removing') {
      throw stateConflict({ message: `removal of container ${ref} is already in progress` });
    }
    if (isLive(record.state) || record.state.kind === 'restarting') {
      if (!options.force) throw inUse(shown, record.state.kind);
      await killNow(ctx, id);
    }
    const done = await ctx.lock.run(id, async () => {
      const now = ctx.store.find(id);
      if (now === undefined) return true;
      // Somebody started it between the kill and now.
      if (isLive(now.state) || now.state.kind === 'restarting') return false;
      await removeLocked(ctx, now, options.volumes || (now.hostConfig.AutoRemove ?? false));
      return true;
    });
    if (done) return;
  }
}

function inUse(shown: string, kind: string): Error {
  return stateConflict({
    message:
      kind === 'paused'
        ? `cannot remove container "${shown}": container is paused and must be unpaused first`
        : `cannot remove container "${shown}": container is ${kind}: stop the container before removing or force remove`,
  });
}

/** `docker rm --link parent/alias`: takes only the link away. @throws {WharfError} `CONTAINER_NOT_FOUND` */
export async function removeLink(ctx: Context, ref: string): Promise<void> {
  const [parent = '', alias = ''] = ref.replace(/^\//, '').split('/', 2);
  const { id } = ctx.store.lookup(parent);
  if (alias === '') {
    throw requestFailed({ message: 'Conflict, cannot remove the default link name of the container' });
  }
  await ctx.lock.run(id, async () => {
    const record = ctx.store.get(id);
    const links = record.hostConfig.Links ?? [];
    const kept = links.filter((text) => parseLink(text).alias !== alias);
    if (kept.length === links.length) throw containerNotFound({ ref });
    ctx.store.change(id, { hostConfig: { ...record.hostConfig, Links: kept } });
  });
}
