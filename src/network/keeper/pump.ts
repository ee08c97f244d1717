import { closeSync, readSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { errnoOf } from '../../core/errors.ts';
import type { PollEvent } from '../../linux/index.ts';
import {
  EventPoll,
  acceptConnection,
  beginConnection,
  endWriting,
  receive,
  resetConnection,
  sendAtOnce,
  transmit,
} from '../../linux/index.ts';
import type { FromPump, Handed, PumpStart, ToPump } from './pump-protocol.ts';
import { GONE } from './pump-protocol.ts';

// The thread that carries bytes between clients of published ports and containers, where the kernel cannot. It waits in the
// kernel, not in Node's event loop: a system call of its own for each large piece costs half of what streams do.

/** What is read at once, at most; one buffer for all connections. */
const MOST_BYTES = 1024 * 1024;
/** As slow receivers take less and less, so much less is read for them: it has to be kept until they take it. */
const LEAST_BYTES = 64 * 1024;
/** Pieces in a row for one connection while others wait. */
const TURN = 16;
/** The thread ends when there was nothing to do for so long. */
const IDLE_MS = 30_000;
const ROUNDS = 256;

interface Direction {
  readonly from: number;
  readonly to: number;
  size: number;
  /** There may be something to read. */
  readable: boolean;
  /** Read, and not taken yet. */
  rest: Buffer | undefined;
  ended: boolean;
}

interface Connection {
  readonly relayId: number;
  readonly directions: readonly [Direction, Direction];
  open: boolean;
}

const { wakeFd, unread: shared } = workerData as PumpStart;
const unread = new Int32Array(shared);
const poll = new EventPoll();
const scratch = Buffer.allocUnsafeSlow(MOST_BYTES);
const byFd = new Map<number, Connection>();
const listeners = new Map<number, Handed>();
/** Connections with more to do than they got a turn for. */
let waiting = new Set<Connection>();

function take({ relayId, fd, address, port }: Handed): void {
  let upstream: number;
  try {
    upstream = beginConnection(address, port);
  } catch {
    resetConnection(fd);
    return;
  }
  const direction = (from: number, to: number): Direction => ({
    from,
    to,
    size: LEAST_BYTES,
    readable: false,
    rest: undefined,
    ended: false,
  });
  const connection = { relayId, directions: [direction(fd, upstream), direction(upstream, fd)], open: true } as const;
  for (const end of [fd, upstream]) {
    byFd.set(end, connection);
    poll.add(end);
  }
}

function close(connection: Connection, how: (fd: number) => void): void {
  if (!connection.open) return;
  connection.open = false;
  waiting.delete(connection);
  for (const { from } of connection.directions) {
    byFd.delete(from);
    how(from);
  }
}

/** `false`: it changes nothing; a socket is told to be writable when it is new, and with everything else that happens. */
function noteEvent({ directions: [there, back] }: Connection, { fd, readable, writable }: PollEvent): boolean {
  const [from, to] = there.from === fd ? [there, back] : [back, there];
  if (readable) from.readable = true;
  return readable || (writable && to.rest !== undefined);
}

/** Carries what is there, both ways, for the length of a turn. */
function serve(connection: Connection): void {
  if (!connection.open) return;
  try {
    for (const direction of connection.directions) if (!carry(direction)) waiting.add(connection);
    // A client of which only the end is left needs no answer any more.
    if (connection.directions.every((d) => d.ended)) close(connection, closeSync);
  } catch {
    // A container that refuses is seen as a refusal by the client too, as far as an accepted connection can show it.
    close(connection, resetConnection);
  }
}

/** `false`: there is more. @throws {SystemCallError} */
function carry(direction: Direction): boolean {
  for (let turn = 0; turn < TURN; turn++) {
    if (direction.rest !== undefined) {
      const { rest } = direction;
      const sent = transmit(direction.to, rest, rest.length);
      if (sent === undefined) return true;
      direction.rest = sent < rest.length ? rest.subarray(sent) : undefined;
      if (direction.rest !== undefined) continue;
    }
    if (direction.ended || !direction.readable) return true;
    const length = receive(direction.from, scratch, direction.size);
    if (length === undefined) {
      direction.readable = false;
      return true;
    }
    if (length === 0) {
      direction.ended = true;
      endWriting(direction.to);
      return true;
    }
    const sent = transmit(direction.to, scratch, length) ?? 0;
    if (sent < length) {
      direction.rest = Buffer.from(scratch.subarray(sent, length));
      direction.size = Math.max(LEAST_BYTES, direction.size / 2);
    } else if (length === direction.size) {
      direction.size = Math.min(MOST_BYTES, direction.size * 2);
    }
  }
  return false;
}

/** Takes all connections that wait at a listening socket. */
function acceptAll(listener: Handed): void {
  for (;;) {
    const fd = acceptConnection(listener.fd);
    if (fd === undefined) return;
    take({ ...listener, fd });
  }
}

function endRelay(relayId: number): void {
  for (const [fd, listener] of listeners) {
    if (listener.relayId !== relayId) continue;
    listeners.delete(fd);
    closeSync(fd);
  }
  for (const connection of new Set(byFd.values())) {
    if (connection.relayId === relayId) close(connection, resetConnection);
  }
}

/** Everything that was sent to the thread by now. `false`: it has to end. */
function obey(port: MessagePort): boolean {
  for (;;) {
    const received: { readonly message: ToPump } | undefined = receiveMessageOnPort(port);
    if (received === undefined) return true;
    Atomics.sub(unread, 0, 1);
    const { message } = received;
    if ('end' in message) return false;
    if ('connection' in message) take(message.connection);
    else if ('listener' in message) {
      listeners.set(message.listener.fd, message.listener);
      sendAtOnce(message.listener.fd);
      poll.add(message.listener.fd, { write: false });
    } else {
      endRelay(message.endRelay);
      port.postMessage({ endedRelay: message.endRelay } satisfies FromPump);
    }
  }
}

/** Works for a while, or to the end: `false`. */
function work(port: MessagePort, bytes: Buffer): boolean {
  for (let round = 0; round < ROUNDS; round++) {
    const timeout = waiting.size > 0 ? 0 : byFd.size > 0 ? -1 : IDLE_MS;
    const events = poll.wait(timeout);
    const isIdle = events.length === 0 && timeout === IDLE_MS;
    if (isIdle && Atomics.compareExchange(unread, 0, 0, GONE) === 0) return false;
    const now = waiting;
    waiting = new Set();
    for (const event of events) {
      const { fd } = event;
      const connection = byFd.get(fd);
      if (connection !== undefined) {
        if (noteEvent(connection, event)) now.add(connection);
        continue;
      }
      if (fd === wakeFd) {
        drain(bytes);
        if (!obey(port)) return false;
      }
      const listener = listeners.get(fd);
      if (listener !== undefined) acceptAll(listener);
    }
    for (const connection of now) serve(connection);
  }
  return true;
}

/** In rounds, between which Node comes to clear away what can only be cleared from its event loop. */
function run(port: MessagePort, bytes: Buffer): void {
  let goesOn = false;
  try {
    goesOn = work(port, bytes);
  } finally {
    if (!goesOn) end();
  }
  if (goesOn) setImmediate(run, port, bytes);
  else process.exit();
}

/** Whatever happens, nobody is left waiting for a thread that has gone. */
function end(): void {
  for (const connection of new Set(byFd.values())) close(connection, resetConnection);
  for (const fd of listeners.keys()) closeSync(fd);
  poll[Symbol.dispose]();
  closeSync(wakeFd);
}

/** Empties the pipe, which may be empty already: what came while it was read last time is told again. */
function drain(bytes: Buffer): void {
  try {
    readSync(wakeFd, bytes);
  } catch (error) {
    if (errnoOf(error) !== 'EAGAIN') throw error;
  }
}

poll.add(wakeFd, { write: false });
if (parentPort !== null) run(parentPort, Buffer.alloc(256));
