import { messageOf } from '../core/errors.ts';
import { realtimeNanos } from '../linux/index.ts';
import type { ExitRecord, RuntimeOptions } from './contract.ts';
import { HeldStdio } from './held-stdio.ts';
import { rfc3339Nano } from './logs/encode-lines.ts';
import { type MonitorClient, OperationFailed } from './monitor-client.ts';
import { connectMonitor } from './monitor-process.ts';
import {
  type CreateOperation,
  type ExecOperation,
  keyOf,
  type Operation,
  type PrepareOperation,
  PROTOCOL,
  type Result,
  type RuntimeProgram,
} from './monitor/protocol.ts';

/** How often an operation is asked for when monitors die under it. */
const ATTEMPTS = 3;
/** The exit code of what nobody could watch to its end (Docker's). */
const LOST = 255;
/** The first protocol that knows `prepare`. */
const PREPARING = 4;
/** The first protocol with which `start` may come before `create` is answered. */
const EARLY_START = 3;

/**
 * The daemon's tie to whatever monitor there is: a monitor that dies is followed by another, which takes up what runs, and
 * what may be asked twice is asked of that one. Exits are told in order, and not before their start has been answered.
 */
export class MonitorLink {
  readonly #options: Pick<RuntimeOptions, 'execRoot' | 'monitorCommand' | 'log'>;
  readonly #execs = new Map<string, { readonly containerId: string; readonly execId: string }>();
  readonly #held = new HeldStdio();
  readonly #undelivered: ExitRecord[] = [];
  /** Processes that are being started: their exits wait until the caller knows that they ran. */
  readonly #starting = new Map<string, ExitRecord[]>();
  /** Containers whose `create` is under way: the monitor that is at it, if one is, and when it is over, well or not. */
  readonly #creating = new Map<string, { readonly over: Promise<void>; by: MonitorClient | undefined }>();
  readonly #listeners = new Set<(exit: ExitRecord) => void>();
  #client: Promise<MonitorClient>;
  /** The one that `#client` resolved to, while it lasts. */
  #connected: MonitorClient | undefined;
  #disposed = false;
  #monitor = 0;

  private constructor(options: Pick<RuntimeOptions, 'execRoot' | 'monitorCommand' | 'log'>) {
    this.#options = options;
    this.#client = this.#connect();
  }

  static async open(options: Pick<RuntimeOptions, 'execRoot' | 'monitorCommand' | 'log'>): Promise<MonitorLink> {
    const link = new MonitorLink(options);
    await link.#client;
    return link;
  }

  /** Another number for each monitor that there has been. */
  get monitor(): number {
    return this.#monitor;
  }

  /** Resolves when there is a monitor. */
  async ready(): Promise<void> {
    await this.#client;
  }

  onExit(listener: (exit: ExitRecord) => void): void {
    this.#listeners.add(listener);
    for (const exit of this.#undelivered.splice(0)) listener(exit);
  }

  /** With a monitor that dies meanwhile, what may be asked twice is asked of the next. */
  async call(operation: Operation): Promise<Result> {
    let asked = operation;
    for (let attempt = 1; ; attempt++) {
      // At once where it can be: the caller may go on to keep this thread busy.
      const client = this.#connected ?? (await this.#client);
      try {
        return await client.call(asked);
      } catch (e) {
        if (e instanceof OperationFailed || this.#disposed || attempt === ATTEMPTS) throw e;
        if (operation.op === 'create' || operation.op === 'exec') throw e;
        await client.closed;
        if (operation.op === 'start') {
          asked = { ...operation, again: true };
          // Made anew by then, if it was not made.
          await this.#creating.get(operation.containerId)?.over;
        }
      }
    }
  }

  /** Once more when the monitor dies over it, after `clean`: nothing of the container has run yet. */
  async create(operation: CreateOperation, clean: () => Promise<void>): Promise<Result> {
    const over = Promise.withResolvers<void>();
    const creating: { readonly over: Promise<void>; by: MonitorClient | undefined } = {
      over: over.promise,
      by: undefined,
    };
    this.#creating.set(operation.containerId, creating);
    try {
      const client = this.#connected ?? (await this.#client);
      creating.by = client;
      try {
        return await client.call(operation);
      } catch (e) {
        creating.by = undefined;
        if (e instanceof OperationFailed || this.#disposed) throw e;
        await client.closed;
        await this.#client;
        await clean();
        return await this.call(operation);
      }
    } finally {
      this.#creating.delete(operation.containerId);
      over.resolve();
    }
  }

  /** Also while `create` is under way. */
  async start(containerId: string, program: RuntimeProgram): Promise<void> {
    const client = this.#connected ?? (await this.#client);
    const creating = this.#creating.get(containerId);
    // Another monitor than the one that was asked to make it knows nothing of it yet.
    if (creating !== undefined && (client.protocol < EARLY_START || creating.by !== client)) await creating.over;
    await this.#begin(containerId, { op: 'start', containerId, program });
  }

  /** Has the monitor ready itself for an exec. `false`: it cannot. */
  prepare(operation: PrepareOperation): boolean {
    const client = this.#connected;
    if (client === undefined || client.protocol < PREPARING) return false;
    client.call(operation).catch(() => undefined); // the exec itself will say what is wrong
    return true;
  }

  async exec(operation: ExecOperation): Promise<Result> {
    const { containerId, execId } = operation;
    const key = keyOf(operation);
    this.#execs.set(key, { containerId, execId });
    try {
      return await this.#begin(key, operation);
    } catch (e) {
      this.#execs.delete(key);
      throw e;
    }
  }

  /** Of a container that is gone. */
  forgetExecs(containerId: string): void {
    for (const [key, exec] of this.#execs) if (exec.containerId === containerId) this.#execs.delete(key);
  }

  /** Ends the monitor if it holds nothing. `false`: it does. */
  async stop(): Promise<boolean> {
    const client = await this.#client;
    this.#disposed = true;
    const { stopped } = await client.call({ op: 'stop' });
    if (stopped === true) await client.closed;
    else this.#disposed = false;
    return stopped === true;
  }

  /** The monitor goes on. */
  async close(): Promise<void> {
    this.#disposed = true;
    (await this.#client.catch(() => undefined))?.close();
    this.#held.keepOnly(new Set());
  }

  async #connect(): Promise<MonitorClient> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connectOnce();
      } catch (e) {
        // It died between two words.
        if (attempt === ATTEMPTS) throw e;
      }
    }
  }

  async #connectOnce(): Promise<MonitorClient> {
    const { execRoot, monitorCommand, log } = this.#options;
    const { client } = await connectMonitor(execRoot, monitorCommand, {
      exit: (exit) => this.#exited(exit),
      held: (monitorPid, held) => this.#held.take(monitorPid, held),
      released: (what) => this.#held.release(what),
    });
    if (client.protocol !== PROTOCOL) {
      log.warn('the monitor is of another version; it will be replaced when no container runs', {
        protocol: client.protocol,
      });
    }
    if (client.protocol >= 2) {
      await client.call({ op: 'return', daemonPid: process.pid, items: this.#held.returned() });
    }
    await client.call({ op: 'subscribe' });
    const { running = [] } = await client.call({ op: 'list' });
    const execs = running.flatMap((r) => r.execIds.map((execId) => keyOf({ containerId: r.containerId, execId })));
    this.#loseExecs(new Set(execs));
    this.#held.keepOnly(new Set([...running.map((r) => r.containerId), ...execs]));
    this.#connected = client;
    const lost = (): void => {
      this.#monitor++;
      if (this.#connected === client) this.#connected = undefined;
      if (this.#disposed) return;
      log.warn('the monitor has gone, starting another');
      this.#client = this.#connect();
      this.#client.catch((e: unknown) => log.error('no monitor', { error: messageOf(e) }));
    };
    client.closed.then(lost, lost);
    return client;
  }

  /** Execs of a monitor that died: their ends can be seen by nobody. */
  #loseExecs(alive: ReadonlySet<string>): void {
    for (const [key, exec] of this.#execs) {
      if (alive.has(key)) continue;
      this.#exited({ ...exec, code: LOST, oomKilled: false, at: rfc3339Nano(realtimeNanos()) });
    }
  }

  #exited(exit: ExitRecord): void {
    const key = keyOf(exit);
    this.#execs.delete(key);
    const waiting = this.#starting.get(key);
    if (waiting !== undefined) {
      waiting.push(exit);
      return;
    }
    if (this.#listeners.size === 0) this.#undelivered.push(exit);
    for (const listener of this.#listeners) listener(exit);
  }

  /** Starts a process. Its exit, which may be known first, is told after the caller has been answered. */
  async #begin(key: string, operation: Operation): Promise<Result> {
    const waiting: ExitRecord[] = [];
    this.#starting.set(key, waiting);
    try {
      return await this.call(operation);
    } finally {
      setImmediate(() => {
        this.#starting.delete(key);
        for (const exit of waiting) this.#exited(exit);
      });
    }
  }
}
