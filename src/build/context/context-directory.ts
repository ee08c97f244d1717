import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { llistXattr, type Peer, peerOf, S_IF } from '../../linux/index.ts';
import type { DirectoryClaim } from '../contract.ts';
import { contextNotHere } from '../errors.ts';
import type { FileStat } from '../files/known-files.ts';

/** A directory that is read where it is, while others may write to it. Disposing closes it. */
export interface ContextDirectory extends Disposable {
  /** A path that leads to it as long as it is open. */
  readonly root: string;
  readonly fd: number;
  /** Tells it from other directories, also later. */
  readonly identity: string;
  /** Whether its owner may read a file or directory; `undefined`: all of it. */
  readonly mayRead: ((stat: FileStat, path: string) => boolean) | undefined;
}

/**
 * Opens a directory that a client has open, through the client's own descriptor: what it means by the path does not matter, and
 * neither does whether it lives in a container. A client behind something that forwards its connection is found out: the
 * forwarder has no such descriptor.
 * @param socket the client's connection
 * @throws {WharfError} `CONTEXT_NOT_HERE`
 */
export function openClaimed(socket: object, claim: DirectoryClaim): ContextDirectory {
  const peer = peerOf(socket);
  if (peer === undefined || claim.boot !== bootId()) throw contextNotHere({});
  let fd: number;
  try {
    fd = openSync(`/proc/${peer.pid}/fd/${claim.fd}`, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    throw contextNotHere({});
  }
  const { dev, ino, ctimeNs } = fstatSync(fd, { bigint: true });
  if ([dev, ino, ctimeNs].join(' ') === claim.stat) return opened(fd, mayRead(peer));
  closeSync(fd);
  throw contextNotHere({});
}

/** Opens a directory by its path. */
export function openDirectory(path: string): ContextDirectory {
  return opened(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY), undefined);
}

function opened(fd: number, readable: ContextDirectory['mayRead']): ContextDirectory {
  const through = `/proc/self/fd/${fd}`;
  const path = readlinkSync(through);
  const own = fstatSync(fd, { bigint: true });
  const there = statSync(path, { bigint: true, throwIfNoEntry: false });
  // By its path it is found faster, unless that leads elsewhere for us.
  const root = there?.dev === own.dev && there.ino === own.ino ? path : through;
  const identity = `${path} ${own.ino}`;
  return { root, fd, identity, mayRead: readable, [Symbol.dispose]: () => closeSync(fd) };
}

/** What the client could read itself: the daemon, which can read everything, does no more for it. */
function mayRead({ pid, uid, gid }: Peer): ContextDirectory['mayRead'] {
  if (uid === 0) return undefined;
  const groups = new Set([gid, ...supplementaryGroups(pid)]);
  return (stat, path) => {
    const bits = (stat.mode & S_IF.MT) === S_IF.DIR ? 0o5 : 0o4;
    const shift = stat.uid === uid ? 6 : groups.has(stat.gid) ? 3 : 0;
    if (((stat.mode >> shift) & bits) === bits) return true;
    return llistXattr(path).includes('system.posix_acl_access'); // a list that may say otherwise
  };
}

function supplementaryGroups(pid: number): number[] {
  const line = /^Groups:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  return line.split(' ').filter(Boolean).map(Number);
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
