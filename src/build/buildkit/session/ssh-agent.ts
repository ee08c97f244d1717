import { once } from 'node:events';
import type { Socket } from 'node:net';
import { serveSocket } from '../../serve-socket.ts';
import { CODE, RpcError } from '../grpc/status.ts';
import { BytesMessage, CheckAgentRequest, Empty } from '../wire/messages.ts';
import type { Session } from './sessions.ts';

const CHECK = '/moby.sshforward.v1.SSH/CheckAgent';
const FORWARD = '/moby.sshforward.v1.SSH/ForwardAgent';

/** Whether the client forwards an agent of this name. @throws {RpcError} other than "it does not" */
export async function hasAgent(session: Session, id: string, signal: AbortSignal): Promise<boolean> {
  if (!session.supports(FORWARD)) return false;
  try {
    await session.client.unary(CHECK, [CheckAgentRequest, Empty], { id }, signal);
    return true;
  } catch (e) {
    if (e instanceof RpcError && e.code !== CODE.unavailable) return false;
    throw e;
  }
}

/** A socket at `path` behind which stands the client's SSH agent. Disposing removes it. */
export async function forwardAgent(
  session: Session,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  return await serveSocket(path, (socket) => {
    socket.on('error', () => undefined);
    join(session, id, socket, signal).then(
      () => socket.end(),
      () => socket.destroy(),
    );
  });
}

async function join(session: Session, id: string, socket: Socket, signal: AbortSignal): Promise<void> {
  using call = session.client.call(FORWARD, { 'buildkit.ssh.id': id }, signal);
  const sending = (async () => {
    for await (const data of socket) await call.send(BytesMessage.encode({ data: data as Buffer }));
    call.end();
  })();
  sending.catch(() => socket.destroy());
  for await (const message of call.messages) {
    const { data } = BytesMessage.decode(message);
    if (!socket.write(data)) await once(socket, 'drain');
  }
}
