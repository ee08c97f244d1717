import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { relaySocket } from './socket-relay.ts';

test('a relay leads both ways, has its own mode, and goes with what goes through it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-relay-'));
  const [target, relay] = [join(directory, 'target'), join(directory, 'relay')];
  const server = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket));
  server.listen(target);
  await once(server, 'listening');
  try {
    const owner = { mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const made = await relaySocket(target, relay, owner);
    assert.equal(statSync(relay).mode & 0o777, 0o640);
    const through = connect(relay);
    through.end('there and back');
    assert.equal(await text(through), 'there and back');
    const open = connect(relay);
    await once(open, 'connect');
    const closed = once(open, 'close');
    await made[Symbol.asyncDispose]();
    await closed;
    assert.equal(existsSync(relay), false);
  } finally {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
