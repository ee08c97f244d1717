import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { SystemCallError } from '../../linux/index.ts';
import { keeperLost } from '../errors.ts';
import type { Keeper, PortSocket, ResolverState } from './contract.ts';
import type { KeeperAnswer, KeeperOperation } from './protocol.ts';
import { KEEPER_SOCKET } from './protocol.ts';

/** A keeper that died is started again by whoever runs it; for so long it is asked after. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 20;

interface Waiting {
  readonly line: string;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** The keeper's work, done by another process that outlives this one. Disposing it only leaves it. */
export class RemoteKeeper implements Keeper {
  onLost: (() => void) | undefined;
  readonly #file: string;
  readonly #log: Logger;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Promise<Socket>;
  #connected: Socket | undefined;
  #guarded: string | undefined;
  #next = 1;
  #left = false;

  /** @throws {Error} `ENOENT` or `ECONNREFUSED`: there is no keeper for this exec root */
  static async connect(execRoot: string, log: Logger): Promise<RemoteKeeper> {
    const file = path.join(execRoot, KEEPER_SOCKET);
    const keeper = new RemoteKeeper(file, log, connectTo(file));
    await keeper.#socket;
    return keeper;
  }

  private constructor(file: string, log: Logger, socket: Promise<Socket>) {
    this.#file = file;
    this.#log = log;
    this.#socket = this.#use(socket);
  }

  putResolver(state: ResolverState): Promise<{ udp: number; tcp: number; isNew: boolean }> {
    return this.#call({ op: 'putResolver', state });
  }

  dropResolver(containerId: string): Promise<void> {
    return this.#call({ op: 'dropResolver', containerId });
  }

  hold(port: PortSocket): Promise<number> {
    return this.#call({ op: 'hold', port });
  }

  release(ports: readonly PortSocket[]): Promise<void> {
    return this.#call({ op: 'release', ports });
  }

  keepOnly(containerIds: readonly string[], ports: readonly PortSocket[]): Promise<void> {
    return this.#call({ op: 'keepOnly', containerIds, ports });
  }

  async guard(table: string): Promise<void> {
    this.#guarded = table;
    await this.#call({ op: 'guard', table });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left = true;
    this.#connected?.destroy();
  }

  async #call<T>(operation: KeeperOperation): Promise<T> {
    const socket = await this.#connection();
    const id = this.#next++;
    const line = `${JSON.stringify({ id, operation })}\n`;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { line, resolve, reject });
      socket.write(line);
    });
  }

  async #use(connecting: Promise<Socket>): Promise<Socket> {
    const socket = await connecting;
    this.#connected = socket;
    if (this.#left) socket.destroy();
    // The reader of lines passes errors on: what they mean shows at the end of the connection.
    createInterface({ input: socket })
      .on('line', (line) => this.#take(JSON.parse(line) as KeeperAnswer))
      .on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#connected = undefined;
      if (this.#left) this.#giveUp('it was left');
      else this.#socket = this.#reconnect();
    });
    return socket;
  }

  #reconnect(): Promise<Socket> {
    const connecting = this.#use(this.#again());
    connecting.then(
      (socket) => {
        // Whatever was under way has not been done, or is lost: each operation may be done again.
        for (const { line } of this.#waiting.values()) socket.write(line);
        if (this.#guarded !== undefined) void this.guard(this.#guarded).catch(() => undefined);
        this.onLost?.();
      },
      (error: unknown) => this.#giveUp(messageOf(error)),
    );
    return connecting;
  }

  /** The connection; where it could not be had again, it is tried once more for everybody who needs it. */
  async #connection(): Promise<Socket> {
    const current = this.#socket;
    try {
      return await current;
    } catch (error) {
      if (this.#left) throw keeperLost({ reason: messageOf(error) });
      if (this.#socket === current) this.#socket = this.#reconnect();
      return this.#socket;
    }
  }

  #giveUp(reason: string): void {
    if (!this.#left) this.#log.error('name resolution and held ports of containers are gone', { reason });
    for (const { reject } of this.#waiting.values()) reject(keeperLost({ reason }));
    this.#waiting.clear();
  }

  async #again(): Promise<Socket> {
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(PAUSE_MS, undefined, { ref: false })) {
      try {
        return await connectTo(this.#file);
      } catch (error) {
        // Nobody is there yet, or one that is still dying.
        if (this.#left || Date.now() > end) throw error;
      }
    }
  }

  #take(answer: KeeperAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (!('failure' in answer)) return waiting?.resolve(answer.result as never);
    const { message, errno, syscall } = answer.failure;
    waiting?.reject(errno === undefined ? new Error(message) : new SystemCallError(syscall ?? '', errno));
  }
}

async function connectTo(file: string): Promise<Socket> {
  const socket = createConnection(file);
  await once(socket, 'connect');
  // The daemon lives by what it serves, not by this.
  socket.unref();
  return socket;
}
