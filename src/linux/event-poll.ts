import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { SystemCallError, check, libc } from './ffi.ts';

const EPOLL_CLOEXEC = 0o2000000;
const O_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const EPOLLET = 0x80000000;
const EINTR = 4;
const EVENT_BYTES = 12;
const MOST_EVENTS = 128;

const epollCreate = libc.func('int epoll_create1(int flags)');
const epollCtl = libc.func('int epoll_ctl(int epoll, int operation, int fd, void *event)');
const epollWait = libc.func('int epoll_wait(int epoll, void *events, int most, int timeout)');
const pipe2 = libc.func('int pipe2(void *fds, int flags)');

/** A pipe to wake a waiting thread with; neither end ever blocks. */
export function openPipe(): { readonly read: number; readonly write: number } {
  const fds = Buffer.alloc(8);
  check(pipe2(fds, O_CLOEXEC_NONBLOCK), 'pipe2');
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) };
}

export interface PollEvent {
  readonly fd: number;
  /** Also at its end, and when it has failed. */
  readonly readable: boolean;
  /** Also when it has failed. */
  readonly writable: boolean;
}

/** Waits for many descriptors at once, for a thread that does nothing else. @see epoll(7) */
export class EventPoll implements Disposable {
  readonly #fd = check(epollCreate(EPOLL_CLOEXEC), 'epoll_create1');
  readonly #events = Buffer.alloc(EVENT_BYTES * MOST_EVENTS);

  /** Tells when `fd` becomes readable (with `write`: or writable), ends or fails; once each time: read until there is no more. */
  add(fd: number, { write = true }: { readonly write?: boolean } = {}): void {
    const event = Buffer.alloc(EVENT_BYTES);
    event.writeUInt32LE((EPOLLIN | (write ? EPOLLOUT : 0) | EPOLLET) >>> 0, 0);
    event.writeInt32LE(fd, 4);
    check(epollCtl(this.#fd, EPOLL_CTL_ADD, fd, event), 'epoll_ctl');
  }

  /** What has happened at descriptors; blocks the thread until then, `timeoutMs` at most (-1: for ever). */
  wait(timeoutMs: number): PollEvent[] {
    const count = epollWait(this.#fd, this.#events, MOST_EVENTS, timeoutMs);
    if (count < 0) {
      const errno = koffi.errno();
      if (errno === EINTR) return [];
      throw new SystemCallError('epoll_wait', errno);
    }
    const happened: PollEvent[] = [];
    for (let at = 0; at < count * EVENT_BYTES; at += EVENT_BYTES) {
      const bits = this.#events.readUInt32LE(at);
      const fd = this.#events.readInt32LE(at + 4);
      // At the end or a failure there is something to read: it tells which.
      happened.push({ fd, readable: (bits & ~EPOLLOUT) !== 0, writable: (bits & ~EPOLLIN) !== 0 });
    }
    return happened;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
