import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../core/log.ts';
import { listenOn } from './listen.ts';

test('a thousand clients that come at the same moment are all let in', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-listen-'));
  try {
    const path = join(directory, 'socket');
    const options = { group: undefined, tls: undefined, allowPlainTcp: false, log: silentLogger };
    const bound = await listenOn(createServer(), `unix://${path}`, options);
    // The server is in this process: none is accepted before all of them have come.
    const sockets = Array.from({ length: 1000 }, () => connect(path));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.destroy();
    await bound.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
