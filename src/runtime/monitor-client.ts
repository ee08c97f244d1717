import { createConnection, type Socket } from 'node:net';
import { monitorFailed } from './errors.ts';
import type { ExitRecord } from './contract.ts';
import {
  type Failure,
  type FromMonitor,
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

/** The daemon's end of a control connection. */
export class MonitorClient {
  readonly #socket: Socket;
  readonly #pending = new Map<number, { resolve: (result: Result) => void; reject: (error: Error) => void }>();
  readonly #onExit: (exit: ExitRecord) => void;
  #next = 1;
  #lost = false;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, onExit: (exit: ExitRecord) => void) {
    this.#socket = socket;
    this.#onExit = onExit;
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

  static async connect(path: string, onExit: (exit: ExitRecord) => void): Promise<MonitorClient> {
    const { socket } = await openConnection(path, { kind: 'control' });
    return new MonitorClient(socket, onExit);
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
    if ('exit' in message) {
      this.#onExit(message.exit);
      return;
    }
    const waiting = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ('failure' in message) waiting?.reject(new OperationFailed(message.failure));
    else waiting?.resolve(message.result);
  }
}
