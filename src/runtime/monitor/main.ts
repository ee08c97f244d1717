import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { becomeSubreaper, closeInherited, detectCgroups, tryLock } from '../../linux/index.ts';
import type { ExitRecord } from '../contract.ts';
import { Containers } from './containers.ts';
import { settleForwarders } from '../logs/forward/forwarder.ts';
import { RuntimeRefusal } from './launch.ts';
import { ExitStore } from './exit-store.ts';
import {
  type FromMonitor,
  LineSplitter,
  PROTOCOL,
  type Opened,
  type Opening,
  type Operation,
  type Request,
  type Result,
} from './protocol.ts';
import { Reaper } from './reaper.ts';
import { SealedPrograms } from './sealed-programs.ts';

/** Descriptor on which whoever started the monitor waits for one line: `ready`, or `busy` when there is one already. */
const READY_FD = 3;
const ROOT_CHECK_MS = 5000;
/** How long a monitor that is told to stop waits for receivers of logs. */
const LAST_LINES_MS = 2000;

/**
 * The monitor's process: holds stdio, logs and exit codes of all containers of one exec root. Runs until told to stop, or
 * until its exec root is gone.
 * @param args the exec root
 * @param beside what else of the exec root outlives daemons; in place before a daemon finds the monitor
 */
export async function runMonitor(
  args: readonly string[],
  beside: (execRoot: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const [execRoot] = args;
  if (execRoot === undefined) throw new Error('usage: wharf-monitor EXEC-ROOT');
  // Whoever started the daemon may wait for the end of a pipe that it has given it.
  closeInherited(READY_FD);
  const lock = openSync(join(execRoot, 'monitor.lock'), 'w', 0o600);
  if (!tryLock(lock)) {
    announce('busy');
    return;
  }
  // Neither a terminal that goes nor Ctrl-C in the shell that started the daemon may end it.
  process.on('SIGHUP', () => undefined).on('SIGINT', () => undefined);
  becomeSubreaper();
  const warn = (event: string, fields: Record<string, unknown>): void =>
    console.error(JSON.stringify({ at: new Date().toISOString(), event, ...fields }));
  process.on('uncaughtException', (e) => warn('error', { message: messageOf(e), stack: e.stack }));

  const subscribers = new Set<Socket>();
  const tell = (message: FromMonitor): void => {
    for (const socket of subscribers) send(socket, message);
  };
  const exits = new ExitStore(join(execRoot, 'exits'));
  const containers = new Containers({
    directory: join(execRoot, 'containers'),
    socketDirectory: join(execRoot, 'tty'),
    cgroups: detectCgroups(),
    reaper: new Reaper(),
    programs: new SealedPrograms(),
    exits,
    onExit: (exit) => {
      tell({ exit });
      return subscribers.size > 0;
    },
    onHeld: (held) => tell({ held }),
    onReleased: (released) => tell({ released }),
    warn,
  });
  containers.adopt();
  await beside(execRoot).catch((e: unknown) => warn('error', { message: messageOf(e) }));

  const path = join(execRoot, 'monitor.sock');
  rmSync(path, { force: true });
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const stop = (): void => {
    rmSync(path, { force: true });
    server.close();
    process.exit(0);
  };
  server.on('connection', (socket) => {
    socket.on('error', () => socket.destroy());
    opening(socket, (first, rest) => serve(socket, first, rest, { containers, exits, subscribers, stop }));
  });
  mkdirSync(execRoot, { recursive: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  const inode = statSync(path).ino;
  setInterval(() => {
    if (statSync(path, { throwIfNoEntry: false })?.ino !== inode) process.exit(0);
  }, ROOT_CHECK_MS);
  announce('ready');
}

interface Parts {
  readonly containers: Containers;
  readonly exits: ExitStore;
  readonly subscribers: Set<Socket>;
  readonly stop: () => void;
}

function announce(word: 'ready' | 'busy'): void {
  try {
    writeSync(READY_FD, `${word}\n`);
    closeSync(READY_FD);
  } catch {
    // Started by hand: nobody waits.
  }
}

/** Reads the first line of a connection; what came behind it is put back and the socket left paused. */
function opening(socket: Socket, then: (first: Opening, rest: Buffer) => void): void {
  let held = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk]);
    const end = held.indexOf(10);
    if (end < 0) return;
    socket.off('data', onData).pause();
    then(JSON.parse(held.toString('utf8', 0, end)) as Opening, held.subarray(end + 1));
  };
  socket.on('data', onData).resume();
}

function serve(socket: Socket, first: Opening, rest: Buffer, parts: Parts): void {
  if (rest.length > 0) socket.unshift(rest);
  const answer = (opened: Opened): void => {
    socket.write(`${JSON.stringify(opened)}\n`);
  };
  switch (first.kind) {
    case 'control':
      answer({ ok: true, protocol: PROTOCOL, pid: process.pid });
      control(socket, parts);
      return;
    case 'attach': {
      const client = { socket, options: first.options, tty: first.tty };
      answer({ ok: true, replay: parts.containers.replayFor(client, first.containerId) });
      parts.containers.attach(first.containerId, client);
      return;
    }
    case 'follow':
      answer({ ok: true, live: parts.containers.isAlive(first.containerId) });
      parts.containers.follow(first.containerId, socket);
  }
}

function control(socket: Socket, parts: Parts): void {
  const lines = new LineSplitter();
  socket.setEncoding('utf8');
  socket.once('close', () => parts.subscribers.delete(socket));
  socket.once('end', () => socket.end());
  socket.on('data', (text) => {
    for (const line of lines.push(String(text))) {
      const { id, operation } = JSON.parse(line) as Request;
      perform(operation, socket, parts).then(
        (result) => send(socket, { id, result }),
        (e: unknown) =>
          send(socket, { id, failure: e instanceof RuntimeRefusal ? e.failure : { message: messageOf(e) } }),
      );
    }
  });
  socket.resume();
}

function send(socket: Socket, message: FromMonitor): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}

async function perform(operation: Operation, socket: Socket, parts: Parts): Promise<Result> {
  const { containers, exits } = parts;
  switch (operation.op) {
    case 'create':
      return { pid: await containers.create(operation) };
    case 'exec':
      return { pid: await containers.exec(operation) };
    case 'prepare':
      containers.prepare(operation);
      return {};
    case 'start':
      await containers.start(operation.containerId, operation.program, operation.again);
      return {};
    case 'kill':
      containers.kill(operation.containerId, operation.signal, operation.all);
      return {};
    case 'forget':
      await containers.forget(operation.containerId);
      return {};
    case 'abandon':
      containers.abandon(operation.containerId, operation.execId);
      return {};
    case 'resize':
      containers.resize(operation.containerId, operation.execId, operation.size);
      return {};
    case 'ack':
      exits.remove(operation.exit);
      return {};
    case 'list':
      return { running: containers.list() };
    case 'return':
      containers.takeBack(operation.daemonPid, operation.items);
      return {};
    case 'subscribe': {
      await containers.idle();
      containers.settle();
      const waiting: ExitRecord[] = exits.list();
      parts.subscribers.add(socket);
      for (const exit of waiting) send(socket, { exit });
      for (const held of containers.held()) send(socket, { held });
      return {};
    }
    case 'stop': {
      const stopped = containers.list().length === 0;
      if (stopped) setImmediate(() => void settleForwarders(LAST_LINES_MS).then(parts.stop));
      return { stopped };
    }
  }
}
