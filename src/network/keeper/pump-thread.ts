import { closeSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { duplicate, openPipe, resetConnection } from '../../linux/index.ts';
import type { FromPump, PumpStart, ToPump } from './pump-protocol.ts';
import { GONE } from './pump-protocol.ts';

/** Where a connection leads. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** The thread's heap holds next to nothing: its one buffer lies outside. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 1 };

/** The thread's file: beside this one in the sources, among the programs in the bundle. */
function threadUrl(): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL('./pump.ts', here);
  return new URL(/\/main\/[^/]+$/.test(here) ? './relay-pump.js' : './main/relay-pump.js', here);
}

/** Carries bytes of TCP connections in a thread, which there is only while there are connections. */
export class PumpThread {
  #worker: Worker | undefined;
  #unread = new Int32Array(new SharedArrayBuffer(4));
  #wakeFd = -1;
  /** The descriptors that went with the last messages, in their order: those of unread ones are still ours. */
  #sent: (number | undefined)[] = [];
  /** By relay: who listens again when the thread has gone, who waits for its end. */
  readonly #listening = new Map<number, () => void>();
  readonly #ending = new Map<number, () => void>();

  /** Serves the connection behind descriptor `fd`, which stays the caller's to close. */
  carry(relayId: number, fd: number, target: Target): void {
    this.#tell(this.#claim() ?? this.#start(), { connection: { relayId, fd: duplicate(fd), ...target } });
  }

  /**
   * Takes all connections from the listening socket behind `fd`, which stays the caller's to close, as long as there is the
   * thread; `onOver` is told when it is not there any more.
   */
  listen(relayId: number, fd: number, target: Target, onOver: () => void): void {
    this.#listening.set(relayId, onOver);
    this.#tell(this.#claim() ?? this.#start(), { listener: { relayId, fd: duplicate(fd), ...target } });
  }

  /** Connections of this relay end; its listening socket is closed here. */
  async endRelay(relayId: number): Promise<void> {
    this.#listening.delete(relayId);
    const worker = this.#claim();
    if (worker === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ending.set(relayId, resolve);
    worker.ref();
    this.#tell(worker, { endRelay: relayId });
    await promise;
    if (this.#ending.size === 0) worker.unref();
  }

  /** All connections end, and the thread. */
  async end(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    // From here on somebody waits for it.
    worker.ref();
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    this.#tell(this.#claim(), { end: true });
    await ended;
  }

  #tell(worker: Worker | undefined, message: ToPump): void {
    if (worker === undefined) return;
    const handed = 'connection' in message ? message.connection : 'listener' in message ? message.listener : undefined;
    this.#sent.push(handed?.fd);
    this.#sent = this.#sent.slice(-Math.max(1, Atomics.load(this.#unread, 0)));
    worker.postMessage(message);
    writeSync(this.#wakeFd, '.');
  }

  /** The thread, bound to stay until it has read one more message. */
  #claim(): Worker | undefined {
    for (;;) {
      const before = Atomics.load(this.#unread, 0);
      if (this.#worker === undefined || before === GONE) return undefined;
      if (Atomics.compareExchange(this.#unread, 0, before, before + 1) === before) return this.#worker;
    }
  }

  #start(): Worker {
    const pipe = openPipe();
    const shared = new SharedArrayBuffer(4);
    const unread = new Int32Array(shared);
    unread[0] = 1;
    const workerData: PumpStart = { wakeFd: pipe.read, unread: shared };
    const worker = new Worker(threadUrl(), {
      workerData,
      resourceLimits: LIMITS,
      execArgv: [],
      trackUnmanagedFds: false,
    });
    worker.unref();
    // A thread that waits in the kernel would keep the process from ending.
    const endWithProcess = () => this.#tell(this.#claim(), { end: true });
    process.once('exit', endWithProcess);
    const over = () => {
      process.off('exit', endWithProcess);
      const left = Atomics.load(unread, 0);
      for (const fd of left > 0 ? this.#sent.slice(-left) : []) if (fd !== undefined) resetConnection(fd);
      Atomics.store(unread, 0, GONE);
      closeSync(pipe.write);
      if (this.#worker === worker) this.#worker = undefined;
      for (const resolve of this.#ending.values()) resolve();
      this.#ending.clear();
      const listeners = [...this.#listening.values()];
      this.#listening.clear();
      for (const listenAgain of listeners) listenAgain();
    };
    worker.on('message', ({ endedRelay }: FromPump) => {
      this.#ending.get(endedRelay)?.();
      this.#ending.delete(endedRelay);
    });
    worker.once('exit', over);
    // It ends at once then, and with it the connections it had; the next one gets a new thread.
    worker.on('error', () => undefined);
    this.#worker = worker;
    this.#unread = unread;
    this.#wakeFd = pipe.write;
    return worker;
  }
}

/** The descriptor of a socket of Node's; `undefined` if it is closed. */
export function descriptorOfSocket(socket: object): number | undefined {
  // Not in the types: the handle that every socket has while it is open.
  const fd = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}
