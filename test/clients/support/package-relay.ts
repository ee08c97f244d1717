import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo } from 'node:net';

/**
 * Takes connections at `port` in another network namespace and hands each to a socket of the file system, which namespaces
 * do not divide.
 */
const RELAY = `
const { connect, createServer } = require('node:net');
const [socket, port] = process.argv.slice(1);
createServer((client) => {
  const server = connect(socket);
  client.pipe(server).pipe(client);
  for (const [one, other] of [[client, server], [server, client]]) one.on('error', () => other.destroy());
}).listen(Number(port), '0.0.0.0', () => console.log('listening'));
`;

/** Listens for the builder in this network namespace, at an address of the host that its containers reach. */
export async function listenAt(server: Server, address: string): Promise<number> {
  server.listen(0, address);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Listens for the builder in another network namespace. @param inNetwork what to put before a command so that it runs there */
export async function listenWithin(
  inNetwork: readonly string[],
  server: Server,
  socket: string,
  port: number,
): Promise<AsyncDisposable> {
  server.listen(socket);
  await once(server, 'listening');
  const [command, ...args] = [...inNetwork, process.execPath, '-e', RELAY, socket, String(port)];
  const relay = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(relay, 'close');
  await Promise.race([once(relay.stdout, 'data'), ended]);
  assert.equal(relay.exitCode, null, 'the relay does not listen');
  return {
    [Symbol.asyncDispose]: async () => {
      relay.kill();
      await ended;
      server.close();
    },
  };
}
