import { createServer } from 'node:net';

/** Whether something listens already; other failures (an address this host has not) are the engine's to report. */
export function isTaken(port: number, address: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (e: NodeJS.ErrnoException) => resolve(e.code === 'EADDRINUSE'));
    server.listen({ port, host: address === undefined || address === '' ? '0.0.0.0' : address, exclusive: true }, () =>
      server.close(() => resolve(false)),
    );
  });
}
