import { execFile } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type ListenOptions } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf, invalidParameter, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { cannotListen, socketInUse } from '../errors.ts';

/** A server that accepts connections at an address. */
export interface Bound {
  readonly server: Server;
  readonly address: string;
  /** Accepts no more; resolves when the last connection is gone. */
  close(): Promise<void>;
}

/**
 * Listens on `unix:///path` (mode 0660, of `group` if it exists) or `tcp://ip:port`.
 * @throws {WharfError} `SOCKET_IN_USE`, `CANNOT_LISTEN`, `INVALID_PARAMETER`
 */
export async function listenOn(
  server: Server,
  address: string,
  group: string | undefined,
  log: Logger,
): Promise<Bound> {
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  const unix = /^unix:\/\/(\/.*)$/.exec(address)?.[1];
  if (unix !== undefined) {
    await listenOnPath(server, unix, address, group, log);
    return { server, address, close };
  }
  const tcp = /^tcp:\/\/(?:\[([0-9a-fA-F:]+)\]|([^:/[\]]*)):(\d{1,5})\/?$/.exec(address);
  if (tcp === null)
    throw invalidParameter({ message: `invalid host "${address}": unix:///path or tcp://address:port is expected` });
  const host = (tcp[1] ?? tcp[2]) || '127.0.0.1';
  await bind(server, { host, port: Number(tcp[3]) }, address);
  const { port } = server.address() as AddressInfo;
  if (!/^(127\.|::1$|localhost$)/.test(host))
    log.warn('the API listens on the network without encryption: whoever reaches it is root here', { address });
  return { server, address: `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`, close };
}

async function listenOnPath(
  server: Server,
  path: string,
  address: string,
  group: string | undefined,
  log: Logger,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await removeStale(path, address);
  const umask = process.umask(0o117);
  const bound = bind(server, { path }, address);
  process.umask(umask);
  await bound;
  chmodSync(path, 0o660);
  if (group === undefined || group === '') return;
  const gid = await groupId(group);
  if (gid === undefined) log.warn('the group for the socket does not exist; only root can use it', { group, path });
  else chownSync(path, 0, gid);
}

function bind(server: Server, where: ListenOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (e: Error) => {
      const reason = errnoOf(e) === 'EADDRINUSE' ? 'the address is already in use' : messageOf(e);
      reject(cannotListen({ address, reason }, { cause: e }));
    };
    server.once('error', failed);
    server.listen(where, () => {
      server.removeListener('error', failed);
      resolve();
    });
  });
}

/** A socket that nobody answers at was left by a daemon that died. */
async function removeStale(path: string, address: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw cannotListen({ address, reason: 'something that is no socket is in the way' });
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (answers) throw socketInUse({ address });
  rmSync(path, { force: true });
}

/** By name or number; /etc/group first, then whatever the system's name service knows. */
async function groupId(group: string): Promise<number | undefined> {
  if (/^\d+$/.test(group)) return Number(group);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((l) => l.startsWith(`${group}:`));
  const entry =
    line ??
    (await promisify(execFile)('getent', ['group', group]).then(
      (r) => r.stdout,
      () => '',
    ));
  const gid = entry.split(':')[2];
  return gid === undefined ? undefined : Number(gid);
}
