import { execFile } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type ListenOptions as SocketOptions } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf, invalidParameter, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { ListenOptions } from '../contract.ts';
import { cannotListen, insecureAddress, socketInUse } from '../errors.ts';

/** A server that accepts connections at an address. */
export interface Bound {
  readonly server: Server;
  readonly address: string;
  /** Accepts no more; resolves when the last connection is gone. */
  close(): Promise<void>;
}

/** As many clients may wait to be let in while the daemon is busy; the kernel lowers it to net.core.somaxconn. Node's 511 are few. */
const WAITING_CLIENTS = 4096;
/** The first descriptor that systemd hands over. @see sd_listen_fds(3) */
const FIRST_HANDED_OVER = 3;

/**
 * An address as several where it stands for several: `fd://` is every socket that systemd handed over, `fd://N` one of them.
 * @throws {WharfError} `CANNOT_LISTEN` if there is none
 */
export function splitAddress(address: string, environment: NodeJS.ProcessEnv = process.env): string[] {
  const match = /^fd:\/\/(\d*)$/.exec(address);
  if (match === null) return [address];
  const isForUs = environment['LISTEN_PID'] === undefined || Number(environment['LISTEN_PID']) === process.pid;
  const count = isForUs ? Number(environment['LISTEN_FDS'] ?? 0) : 0;
  if (!(count > 0)) throw cannotListen({ address, reason: 'no sockets were handed over by socket activation' });
  const all = Array.from({ length: count }, (_, i) => FIRST_HANDED_OVER + i);
  const wanted = match[1] === '' ? all : all.filter((fd) => fd === Number(match[1]));
  if (wanted.length === 0) throw cannotListen({ address, reason: 'this socket was not handed over' });
  return wanted.map((fd) => `fd://${fd}`);
}

/**
 * Listens on `unix:///path` (mode 0660, of `group` if it exists), `tcp://ip:port` or `fd://N`.
 * @throws {WharfError} `SOCKET_IN_USE`, `CANNOT_LISTEN`, `INSECURE_ADDRESS`, `INVALID_PARAMETER`
 */
export async function listenOn(
  server: Server,
  address: string,
  { group, tls, allowPlainTcp, log }: ListenOptions & { readonly log: Logger },
): Promise<Bound> {
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  const unix = /^unix:\/\/(\/.*)$/.exec(address)?.[1];
  if (unix !== undefined) {
    await listenOnPath(server, unix, address, group, log);
    return { server, address, close };
  }
  const fd = /^fd:\/\/(\d+)$/.exec(address)?.[1];
  if (fd !== undefined) {
    await bind(server, { fd: Number(fd) } as SocketOptions, address);
    return { server, address, close };
  }
  const tcp = /^tcp:\/\/(?:\[([0-9a-fA-F:]+)\]|([^:/[\]]*)):(\d{1,5})\/?$/.exec(address);
  if (tcp === null)
    throw invalidParameter({ message: `invalid host "${address}": unix:///path or tcp://address:port is expected` });
  const host = (tcp[1] ?? tcp[2]) || '127.0.0.1';
  const isLocal = /^(127\.|::1$|localhost$)/.test(host);
  if (tls === undefined && !isLocal && !allowPlainTcp) throw insecureAddress({ address });
  await bind(server, { host, port: Number(tcp[3]) }, address);
  const { port } = server.address() as AddressInfo;
  if (tls === undefined && !isLocal)
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

function bind(server: Server, where: SocketOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (e: Error) => {
      const reason = errnoOf(e) === 'EADDRINUSE' ? 'the address is already in use' : messageOf(e);
      reject(cannotListen({ address, reason }, { cause: e }));
    };
    server.once('error', failed);
    server.listen({ ...where, backlog: WAITING_CLIENTS }, () => {
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
