import { once } from 'node:events';
import { chmod, chown } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

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
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: target, allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    Promise.all([pipeline(near, far), pipeline(far, near)]).catch(() => {
      near.destroy();
      far.destroy();
    });
  });
  server.listen(path);
  await once(server, 'listening');
  await chown(path, owner.uid, owner.gid);
  await chmod(path, owner.mode);
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
