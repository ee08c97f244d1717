import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { check, libc, SystemCallError } from './ffi.ts';
import koffi from 'koffi';

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const ECHILD = 10;
const ESRCH = 3;
const EBADF = 9;
const F_SETPIPE_SZ = 1031;
const F_DUPFD_CLOEXEC = 1030;
/** Descriptors from this number on select(2) cannot wait for. */
export const FD_SETSIZE = 1024;
const CLOCK_REALTIME = 0;
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;
/** `_IOWR(0xFF, 11, struct pidfd_info)` with the 64 bytes of PIDFD_INFO_SIZE_VER0. */
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 8n;

const prctlCall = libc.func(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);
const waitpidCall = libc.func('int waitpid(int pid, void *status, int options)');
const fcntlCall = libc.func('int fcntl(int fd, int command, int argument)');
const clockGettimeCall = libc.func('int clock_gettime(int clock, void *time)');
const syscall2 = libc.func('long syscall(long number, long a, long b, long c, long d)');
const ioctlCall = libc.func('int ioctl(int fd, unsigned long request, void *argument)');

/** Orphans below this process become its children from now on, so that it can wait for them. @see prctl(2) */
export function becomeSubreaper(): void {
  check(prctlCall(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl');
}

/** How a process ended: `code` is the exit code, or 128 + signal as shells and Docker count it. */
export interface ProcessExit {
  readonly code: number;
  readonly signal: number | undefined;
}

const statusBuffer = Buffer.alloc(4);

/**
 * Reaps child `pid` if it has ended. `'running'`: it lives; `'not-a-child'`: nothing to wait for.
 * Never waits. Children that Node itself started are Node's to reap.
 */
export function reap(pid: number): ProcessExit | 'running' | 'not-a-child' {
  const result = waitpidCall(pid, statusBuffer, WNOHANG);
  if (result === 0) return 'running';
  if (result < 0) {
    const errno = koffi.errno();
    if (errno === ECHILD) return 'not-a-child';
    throw new SystemCallError('waitpid', errno);
  }
  return decodeWaitStatus(statusBuffer.readInt32LE(0));
}

/**
 * Reaps some child that has ended, however it came to this process. `undefined`: none has. Never waits, and costs the same
 * however many live. Not for a process in which Node itself starts children: it would take those too.
 */
export function reapAny(): { readonly pid: number; readonly exit: ProcessExit } | undefined {
  const pid = waitpidCall(-1, statusBuffer, WNOHANG);
  if (pid > 0) return { pid, exit: decodeWaitStatus(statusBuffer.readInt32LE(0)) };
  if (pid === 0 || koffi.errno() === ECHILD) return undefined;
  throw new SystemCallError('waitpid', koffi.errno());
}

/** @see wait(2), WIFEXITED and its kin */
export function decodeWaitStatus(status: number): ProcessExit {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: undefined } : { code: 128 + signal, signal };
}

/** Enlarges a pipe's buffer, as far as the kernel allows. Gives the size it has now, in bytes; 0: it could not be changed. */
export function setPipeSize(fd: number, bytes: number): number {
  return Math.max(0, fcntlCall(fd, F_SETPIPE_SZ, bytes));
}

/**
 * Gives a descriptor that is kept for long a number beyond those that select(2) can take (FD_SETSIZE): libraries that use it,
 * libnftables among them, end the process when they get such a number, so the low ones are left to them. The old number is
 * free afterwards; where the limit of the process allows no higher number it stays.
 */
export function raiseDescriptor(fd: number): number {
  const raised = fcntlCall(fd, F_DUPFD_CLOEXEC, FD_SETSIZE);
  if (raised < 0) return fd;
  closeSync(fd);
  return raised;
}

const timespec = Buffer.alloc(16);

/** Wall clock, in nanoseconds since 1970. */
export function realtimeNanos(): bigint {
  check(clockGettimeCall(CLOCK_REALTIME, timespec), 'clock_gettime');
  return timespec.readBigInt64LE(0) * 1_000_000_000n + timespec.readBigInt64LE(8);
}

/** A descriptor that stands for this very process, whatever happens to the number. `undefined`: there is none. */
export function openPidfd(pid: number): number | undefined {
  const fd = Number(syscall2(SYS_PIDFD_OPEN, pid, 0, 0, 0));
  if (fd >= 0) return fd;
  const errno = koffi.errno();
  if (errno === ESRCH) return undefined;
  throw new SystemCallError('pidfd_open', errno);
}

/**
 * A descriptor of its own for what another process has open under a number. `undefined`: it has nothing there, or is gone.
 * @throws {SystemCallError} e.g. `EPERM` where the kernel lets nobody look into other processes
 */
export function descriptorOf(pid: number, fd: number): number | undefined {
  const pidfd = openPidfd(pid);
  if (pidfd === undefined) return undefined;
  try {
    const own = Number(syscall2(SYS_PIDFD_GETFD, pidfd, fd, 0, 0));
    if (own >= 0) return own;
    const errno = koffi.errno();
    if (errno === ESRCH || errno === EBADF) return undefined;
    throw new SystemCallError('pidfd_getfd', errno);
  } finally {
    closeSync(pidfd);
  }
}

/**
 * Closes what this process was born with beyond `last`: what it has opened itself is closed at exec, and so told apart.
 * For processes that outlive those whose pipes they would hold open.
 */
export function closeInherited(last: number): void {
  const closeOnExec = 0o2000000;
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd <= last) continue;
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0) closeSync(fd);
    } catch {
      // The directory's own descriptor, closed by now.
    }
  }
}

/** Sends a signal through a pidfd; 0 only asks. `false`: the process has been reaped. @throws {SystemCallError} */
export function signalPidfd(pidfd: number, signal: number): boolean {
  if (Number(syscall2(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0)) >= 0) return true;
  const errno = koffi.errno();
  if (errno === ESRCH) return false;
  throw new SystemCallError('pidfd_send_signal', errno);
}

/**
 * How the process behind a pidfd ended, also when somebody else reaped it. `undefined`: the kernel cannot tell
 * (before 6.15), or it has not been reaped yet. @see PIDFD_GET_INFO in linux/pidfd.h
 */
export function exitOfPidfd(pidfd: number): ProcessExit | undefined {
  const info = Buffer.alloc(64);
  info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0);
  if (ioctlCall(pidfd, PIDFD_GET_INFO, info) < 0) return undefined;
  if ((info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n) return undefined;
  return decodeWaitStatus(info.readInt32LE(60));
}

/**
 * When a process started, in clock ticks since boot: with its number this names it for good. `undefined`: no such process,
 * or it has ended and waits to be reaped. @see proc_pid_stat(5), fields 3 and 22
 */
export function startTimeOf(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/**
 * How a process ended that waits to be reaped by somebody else. `undefined`: it runs, or is not there any more, or its number
 * means another. @see proc_pid_stat(5), fields 22 and 52
 */
export function exitOfZombie(pid: number, startTime: string): ProcessExit | undefined {
  const fields = statFields(pid);
  if (fields[0] !== 'Z' || fields[19] !== startTime) return undefined;
  return decodeWaitStatus(Number(fields[49]));
}

/** From the third field on. */
function statFields(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
