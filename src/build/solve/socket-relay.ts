import { chmod, chown } from 'node:fs/promises';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { serveSocket } from '../serve-socket.ts';

/** Whom a socket is for. */
export interface SocketOwner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * A socket at `path` that leads to the one at `target`, so that somebody can be given it who may not open that one. Disposing
 * removes it and cuts what goes through it.
 */
export async function relaySocket(target: string, path: string, owner: SocketOwner): Promise<AsyncDisposable> {
  const server = await serveSocket(path, (near) => {
    const far = connect({ path: target, allowHalfOpen: true });
    // What ends one end, also by force, ends the other.
    Promise.all([pipeline(near, far), pipeline(far, near)]).catch(() => {
      near.destroy();
      far.destroy();
    });
  });
  await chown(path, owner.uid, owner.gid);
  await chmod(path, owner.mode);
  return server;
}
