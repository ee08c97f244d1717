import { openConnection } from '../monitor-client.ts';
import type { LogWatch } from './read-logs.ts';

/** Watches a container's log through the monitor, which says when it has written and when it will no more. */
export async function watchLog(socketPath: string, containerId: string, signal: AbortSignal): Promise<LogWatch> {
  const { socket, opened } = await openConnection(socketPath, { kind: 'follow', containerId });
  let written = false;
  let ended = opened.live !== true;
  let wake = (): void => undefined;
  socket.on('data', () => {
    written = true;
    wake();
  });
  const end = (): void => {
    ended = true;
    wake();
  };
  socket.once('end', end).once('close', end);
  const abort = (): void => {
    socket.destroy();
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  return {
    async next() {
      while (!written && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      written = false;
      return !ended;
    },
    close() {
      signal.removeEventListener('abort', abort);
      socket.destroy();
    },
  };
}
