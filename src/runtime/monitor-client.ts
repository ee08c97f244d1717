import { createConnection, type Socket } from 'node:net';
import { monitorFailed } from './errors.ts';
import type { ExitRecord } from './contract.ts';
import {
  type Failure,
  type FromMonitor,
  type Held,
  LineSplitter,
  type Opened,
  type Opening,
  type Operation,
  type Result,
} from './monitor/protocol.ts';

/** What the monitor answered to an operation that failed. */
export class OperationFailed extends Error {
  override readonly name = 'OperationFailed';
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Opens a connection of some kind. Gives the socket, paused, behind the monitor's first line. */
export function openConnection(path: string, opening: Opening): Promise<{ socket: Socket; opened: Opened }> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, allowHalfOpen: true });
    let held = Buffer.alloc(0);
    const failed = (e?: Error): void => {
      socket.destroy();
      reject(e ?? monitorFailed({ message: 'the monitor closed the connection' }));
    };
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        held = Buffer.concat([held, chunk]);
        const end = held.indexOf(10);
        if (end < 0) continue;
        socket.off('readable', onReadable).off('error', failed).off('end', failed);
        if (held.length > end + 1) socket.unshift(held.subarray(end + 1));
        // Whoever gets the socket hears of its errors; until then they must not end the process.
        socket.on('error', () => undefined);
        resolve({ socket, opened: JSON.parse(held.toString('utf8', 0, end)) as Opened });
        return;
      }
    };
    socket.once('error', failed).once('end', failed).on('readable', onReadable);
    socket.write(`${JSON.stringify(opening)}\n`);
  });
}

/** What the monitor tells without being asked. */
export interface MonitorEvents {
  exit(exit: ExitRecord): void;
  held(monitorPid: number, held: Held): void;
  released(what: { readonly containerId: string; readonly execId?: string | undefined }): void;
}

/** The daemon's end of a control connection. */
export class MonitorClient {
  readonly #socket: Socket;
  readonly #pending = new Map<number, { resolve: (result: Result) => void; reject: (error: Error) => void }>();
  readonly #events: MonitorEvents;
  /** The monitor's process; 0: one of the first, which does not tell. */
  readonly pid: number;
  readonly protocol: number;
  #next = 1;
  #lost = false;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, opened: Opened, events: MonitorEvents) {
    this.#socket = socket;
    this.#events = events;
    this.pid = opened.pid ?? 0;
    this.protocol = opened.protocol ?? 1;
    const lines = new LineSplitter();
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      for (const line of lines.push(String(text))) this.#take(JSON.parse(line) as FromMonitor);
    });
    socket.once('end', () => socket.destroy());
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#lost = true;
        for (const { reject } of this.#pending.values()) reject(monitorFailed({ message: 'the monitor has gone' }));
        this.#pending.clear();
        resolve();
      });
    });
  }

  static async connect(path: string, events: MonitorEvents): Promise<MonitorClient> {
    const { socket, opened } = await openConnection(path, { kind: 'control' });
    return new MonitorClient(socket, opened, events);
  }

  /** @throws {OperationFailed} | {WharfError} `MONITOR_FAILED` */
  call(operation: Operation): Promise<Result> {
    if (this.#lost) return Promise.reject(monitorFailed({ message: 'the monitor has gone' }));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ id, operation })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(message: FromMonitor): void {
    if ('exit' in message) return this.#events.exit(message.exit);
    if ('held' in message) return this.#events.held(this.pid, message.held);
    if ('released' in message) return this.#events.released(message.released);
    // Of a later monitor, which may have more to tell.
    if (!('id' in message)) return;
    const waiting = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ('failure' in message) waiting?.reject(new OperationFailed(message.failure));
    else waiting?.resolve(message.result);
  }
}
