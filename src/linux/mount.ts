import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { callOnThread, check, libc } from './ffi.ts';

/** Flags of mount(2). */
const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  SILENT: 32768,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
} as const;

/** Words of mount(8) by what they do to the flags of mount(2): set them, clear them, or change how mounts spread (a call of its own). */
export const MOUNT_FLAGS: Readonly<Record<'set' | 'clear' | 'propagation', Readonly<Record<string, number>>>> = {
  set: {
    defaults: 0,
    ro: MS.RDONLY,
    nosuid: MS.NOSUID,
    nodev: MS.NODEV,
    noexec: MS.NOEXEC,
    sync: MS.SYNCHRONOUS,
    dirsync: 128,
    mand: 64,
    noatime: MS.NOATIME,
    nodiratime: MS.NODIRATIME,
    relatime: MS.RELATIME,
    strictatime: MS.STRICTATIME,
    bind: MS.BIND,
    rbind: MS.BIND | MS.REC,
  },
  clear: {
    rw: MS.RDONLY,
    suid: MS.NOSUID,
    dev: MS.NODEV,
    exec: MS.NOEXEC,
    async: MS.SYNCHRONOUS,
    nomand: 64,
    atime: MS.NOATIME,
    diratime: MS.NODIRATIME,
    norelatime: MS.RELATIME,
    nostrictatime: MS.STRICTATIME,
  },
  propagation: {
    private: MS.PRIVATE,
    rprivate: MS.PRIVATE | MS.REC,
    shared: MS.SHARED,
    rshared: MS.SHARED | MS.REC,
    slave: MS.SLAVE,
    rslave: MS.SLAVE | MS.REC,
    unbindable: MS.UNBINDABLE,
    runbindable: MS.UNBINDABLE | MS.REC,
  },
};

/** Mounts with these flags; a bind mount takes read-only and its like only in a second call, and spreading in a third. */
export function mountWith(request: MountRequest & { readonly propagation: number }): void {
  const { target, flags = 0, propagation } = request;
  mount(request);
  try {
    const further = flags & (MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.NOATIME | MS.NODIRATIME);
    if (flags & MS.BIND && further !== 0) mount({ source: 'none', target, flags: MS.BIND | MS.REMOUNT | further });
    if (propagation !== 0) mount({ source: 'none', target, flags: propagation });
  } catch (e) {
    umount(target, { detach: true });
    throw e;
  }
}

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

const mountCall = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const umountCall = libc.func('int umount2(const char *target, int flags)');

export interface MountRequest {
  /** Device, directory or any name; what it means is up to the type. */
  readonly source: string;
  /** Absolute path of an existing directory (or file, for bind mounts of files). */
  readonly target: string;
  readonly type?: string;
  /** `MS.*`, or-ed. */
  readonly flags?: number;
  /** Options of the file system; the kernel takes at most 4095 bytes. */
  readonly data?: string;
}

/** Mounts a file system. @throws {SystemCallError} @see mount(2) */
export function mount({ source, target, type, flags = 0, data }: MountRequest): void {
  check(mountCall(source, target, type ?? null, flags, data ?? null), 'mount', target);
}

/** Makes `source` (and with `recursive` all mounts below it) seen at `target`. `readOnly` takes a second call. */
export function bindMount(
  source: string,
  target: string,
  options: { readonly recursive?: boolean; readonly readOnly?: boolean } = {},
): void {
  mount({ source, target, flags: MS.BIND | (options.recursive ? MS.REC : 0) });
  if (!options.readOnly) return;
  try {
    mount({ source: 'none', target, flags: MS.BIND | MS.REMOUNT | MS.RDONLY });
  } catch (e) {
    umount(target, { detach: true });
    throw e;
  }
}

/**
 * Unmounts the top mount at `target`; a symlink in last position is not followed. With `detach` the path is free at once and
 * the file system goes with its last user.
 * @throws {SystemCallError} `EBUSY` if it is in use, `EINVAL` if nothing is mounted there, `ENOENT`
 */
export function umount(target: string, options: { readonly detach?: boolean } = {}): void {
  check(umountCall(target, UMOUNT_NOFOLLOW | (options.detach ? MNT_DETACH : 0)), 'umount', target);
}

/** As `umount`, on a thread of the pool: the kernel writes back what the file system holds, which takes its time. */
export async function umountAsync(target: string, options: { readonly detach?: boolean } = {}): Promise<void> {
  await callOnThread(umountCall, [target, UMOUNT_NOFOLLOW | (options.detach ? MNT_DETACH : 0)], 'umount', target);
}

/** Unmounts everything stacked at `target`, lazily. Success means "nothing is mounted there". Gives the number unmounted. */
export function umountAll(target: string): number {
  for (let n = 0; ; n++) {
    if (umountCall(target, UMOUNT_NOFOLLOW | MNT_DETACH) === 0) continue;
    const errno = koffi.errno();
    if (errno === EINVAL || errno === ENOENT) return n;
    check(-1, 'umount', target);
  }
}
const ENOENT = 2;
const EINVAL = 22;

const statvfsCall = libc.func('int statvfs(const char *path, void *result)');
/** Where `f_flag` is in struct statvfs of 64-bit machines. */
const F_FLAG = 72;
const RESTRICTIONS = { ro: MS.RDONLY, nosuid: MS.NOSUID, nodev: MS.NODEV, noexec: MS.NOEXEC } as const;

/** What the mount that holds a path forbids. Empty if there is no such path. @see statvfs(3) */
export function mountFlagsOf(path: string): readonly (keyof typeof RESTRICTIONS)[] {
  const result = Buffer.alloc(256);
  if (statvfsCall(path, result) !== 0) return [];
  const flags = Number(result.readBigUInt64LE(F_FLAG));
  return (['ro', 'nosuid', 'nodev', 'noexec'] as const).filter((name) => (flags & RESTRICTIONS[name]) !== 0);
}

/** One line of /proc/PID/mountinfo. */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The directory of the file system that is seen here. */
  readonly root: string;
  readonly mountpoint: string;
  readonly options: string;
  /** `shared:N`, `master:N`, ... */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: string;
}

/** The mounts of a process, in the order they were made. @see proc_pid_mountinfo(5) */
export function mountinfo(pid: number | 'self' = 'self'): MountInfo[] {
  return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** Reads the text of a mountinfo file; lines that are none are left out. */
export function parseMountinfo(text: string): MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split('\n')) {
    const [left = '', right = ''] = line.split(' - ', 2);
    const [id, parent, device, root, mountpoint, options, ...propagation] = left.split(' ');
    const [type, source, superOptions] = right.split(' ');
    if (mountpoint === undefined || type === undefined || type === '') continue;
    mounts.push({
      id: Number(id),
      parent: Number(parent),
      device: device ?? '',
      root: unescapeOctal(root ?? ''),
      mountpoint: unescapeOctal(mountpoint),
      options: options ?? '',
      propagation,
      type,
      source: unescapeOctal(source ?? ''),
      superOptions: superOptions ?? '',
    });
  }
  return mounts;
}

/** The kernel writes blank, tab, newline and backslash in paths as `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
