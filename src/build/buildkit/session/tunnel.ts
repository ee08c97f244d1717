import { Duplex } from 'node:stream';
import type { Method } from '../grpc/server.ts';
import { BytesMessage } from '../wire/messages.ts';
import type { Sessions } from './sessions.ts';

const CHUNK = 64 * 1024;

/** `Control.Session`: a session whose bytes go through a call, for clients that open no connection of its own for it. */
export function sessionTunnel(sessions: Sessions): Method {
  return async (call) => {
    const { metadata, messages, signal } = call;
    const id = String(metadata['x-docker-expose-session-uuid'] ?? '');
    const listed = metadata['x-docker-expose-session-grpc-method'] ?? [];
    const methods = (Array.isArray(listed) ? listed : [listed]).flatMap((m) => m.split(',')).map((m) => m.trim());
    sessions.check(id);
    const socket = new Duplex({
      read() {
        incoming.next().then(
          ({ value, done }) => socket.push(done === true ? null : BytesMessage.decode(value).data),
          (e: Error) => socket.destroy(e),
        );
      },
      write(chunk: Buffer, _encoding, callback) {
        sendAll(chunk).then(() => callback(), callback);
      },
    });
    const incoming = messages[Symbol.asyncIterator]();
    const sendAll = async (bytes: Buffer): Promise<void> => {
      for (let at = 0; at < bytes.length; at += CHUNK) {
        await call.send(BytesMessage.encode({ data: bytes.subarray(at, at + CHUNK) }));
      }
    };
    socket.on('error', () => undefined);
    const sharedKey = String(metadata['x-docker-expose-session-sharedkey'] ?? '');
    await sessions.serve({ id, sharedKey, methods }, socket, signal);
    socket.destroy();
  };
}
