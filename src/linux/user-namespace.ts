import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { IdMaps, IdRange } from '../core/id-map.ts';
import { check, libc } from './ffi.ts';
import { bindMount, umountAll } from './mount.ts';
import { inNetns } from './netns.ts';

const ioctl = libc.func('int ioctl(int fd, unsigned long request)');
const setfsuid = libc.func('int setfsuid(uint32_t uid)');
const setfsgid = libc.func('int setfsgid(uint32_t gid)');
const capget = libc.func('int capget(void *header, void *data)');
const capset = libc.func('int capset(void *header, void *data)');

/** ioctl_ns(2). */
const NS_GET_USERNS = 0xb701;
/** capget(2): the version with 64 capabilities. */
const CAPABILITIES_V3 = 0x20080522;

/** A new user namespace with these IDs, or one that is there already (`/proc/PID/ns/user`). */
export type UserNamespaceChoice = IdMaps | { readonly path: string };

/** A user namespace with these IDs that nobody is in, as a descriptor that the caller closes. */
export async function openUserNamespace(maps: IdMaps): Promise<number> {
  return withHelper(maps, [], (pid) => openSync(`/proc/${pid}/ns/user`, 'r'));
}

/**
 * Makes a network namespace that belongs to a user namespace, kept alive by a bind mount on the new file `file`, and runs
 * `inside` in it. Some milliseconds: a program has to go there, since a process with threads cannot. On failure nothing is left.
 */
export async function createOwnedNetns(file: string, owner: UserNamespaceChoice, inside: () => void): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
  writeFileSync(file, '', { flag: 'wx', mode: 0o444 });
  try {
    await withHelper(owner, ['--net'], (pid) => bindMount(`/proc/${pid}/ns/net`, file));
    inNetns(file, inside);
  } catch (error) {
    umountAll(file);
    rmSync(file, { force: true });
    throw error;
  }
}

/** The user namespace that the network namespace at `file` belongs to, as a descriptor that the caller closes. */
export function ownerOfNetns(file: string): number {
  const fd = openSync(file, 'r');
  try {
    return check(ioctl(fd, NS_GET_USERNS), 'ioctl NS_GET_USERNS', file);
  } finally {
    closeSync(fd);
  }
}

/**
 * Runs `work` with files being made as this user's and group's, with every right that this process has. A file system that
 * does not know the process' own user (mounted with mapped IDs, or by a container) refuses it to make any. Must be synchronous:
 * only this thread is another one meanwhile.
 */
export function asOwner<T>(
  owner: { readonly uid: number; readonly gid: number },
  work: () => T extends Promise<unknown> ? never : T,
): T {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(CAPABILITIES_V3, 0);
  const rights = Buffer.alloc(24);
  check(capget(header, rights), 'capget');
  setfsgid(owner.gid);
  setfsuid(owner.uid);
  try {
    // Changing the user has taken the rights over files away.
    check(capset(header, rights), 'capset');
    return work();
  } finally {
    setfsuid(process.geteuid?.() ?? 0);
    setfsgid(process.getegid?.() ?? 0);
    if (capset(header, rights) !== 0) process.abort();
  }
}

/** Has a program stand in the namespaces while `work` takes hold of them. */
async function withHelper<T>(
  owner: UserNamespaceChoice,
  more: readonly string[],
  work: (pid: number) => T,
): Promise<T> {
  const isNew = !('path' in owner);
  const [program, args] = isNew
    ? ['unshare', ['--user', ...more, 'cat']]
    : ['nsenter', [`--user=${owner.path}`, 'unshare', ...more, 'cat']];
  const helper = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } });
  const gone = once(helper, 'close');
  gone.catch(() => undefined);
  let said = '';
  helper.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  helper.stdin.on('error', () => undefined);
  helper.stdin.write('.');
  try {
    // It answers once it is there.
    const answer = await Promise.race([once(helper.stdout, 'data'), gone]);
    const { pid } = helper;
    if (pid === undefined || !(answer[0] instanceof Buffer)) throw new Error(`${program}: ${said.trim() || 'ended'}`);
    if (isNew) {
      writeFileSync(`/proc/${pid}/uid_map`, mapText(owner.uids));
      writeFileSync(`/proc/${pid}/gid_map`, mapText(owner.gids));
    }
    return work(pid);
  } finally {
    helper.stdin.end();
    helper.kill('SIGKILL');
    await gone;
  }
}

function mapText(ranges: readonly IdRange[]): string {
  return ranges.map((r) => `${r.containerId} ${r.hostId} ${r.size}\n`).join('');
}
