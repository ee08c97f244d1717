import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { errnoOf } from '../../core/errors.ts';
import { cgroupPids, oomKills, type ProcessExit, realtimeNanos, signalPidfd, startTimeOf } from '../../linux/index.ts';
import { rfc3339Nano } from '../logs/encode-lines.ts';
import type { ExitRecord } from '../contract.ts';
import type { Attacher } from './attachers.ts';
import type { Container, ContainersOptions, Exec } from './container.ts';
import { EarlyClients } from './early-clients.ts';
import { type Launch, launch, runRuntime } from './launch.ts';
import { LOST, pidfdOf, watch } from './orphans.ts';
import { PreparedExecs } from './prepared-execs.ts';
import { ProcessIo } from './process-io.ts';
import {
  type CreateOperation,
  type ExecOperation,
  type Held,
  type Opened,
  type PrepareOperation,
  type Returned,
  type Running,
  type RuntimeProgram,
  type Size,
  keyOf,
} from './protocol.ts';
import { readState, type SavedContainer, type SavedExec, saveState } from './saved-state.ts';
import { StartGate, startFifo } from './start-fifo.ts';
import { Unsettled } from './unsettled.ts';

const SIGKILL = 9;

/** All containers that this monitor holds, from their creation to their end. */
export class Containers {
  readonly #o: ContainersOptions;
  readonly #alive = new Map<string, Container>();
  readonly #early = new EarlyClients();
  readonly #unsettled = new Unsettled();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #creating = new Map<string, Promise<number>>();
  readonly #prepared: PreparedExecs;

  constructor(options: ContainersOptions) {
    this.#o = options;
    this.#prepared = new PreparedExecs(options);
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    mkdirSync(options.socketDirectory, { recursive: true, mode: 0o700 });
  }

  list(): Running[] {
    return [...this.#alive].map(([containerId, c]) => ({ containerId, pid: c.pid, execIds: [...c.execs.keys()] }));
  }

  create(operation: CreateOperation): Promise<number> {
    const { containerId } = operation;
    const making = this.#tracked(this.#create(operation));
    this.#creating.set(containerId, making);
    const over = (): void => {
      this.#creating.delete(containerId);
    };
    making.then(over, over);
    return making;
  }

  /** Resolves when nothing is being made that a daemon asked for which may have died since: then `list` is complete. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  #tracked<T>(making: Promise<T>): Promise<T> {
    this.#underWay.add(making);
    const over = (): void => {
      this.#underWay.delete(making);
    };
    making.then(over, over);
    return making;
  }

  async #create(operation: CreateOperation): Promise<number> {
    const { containerId, program } = operation;
    if (this.#alive.has(containerId)) throw new Error(`container ${containerId} is being held already`);
    const directory = join(this.#o.directory, containerId);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const io = this.#containerIo(operation);
    try {
      return await this.#o.reaper.expecting(async () => {
        const command = ['create', '--bundle', operation.bundleDir];
        const launched = launch(this.#o, io, operation.tty, program, directory, command, [containerId]);
        const pid = await launched.finish(operation.consoleSize);
        const startTime = startTimeOf(pid) ?? '';
        const container: Container = { operation, pid, startTime, io, execs: new Map() };
        saveState(join(directory, 'state.json'), { operation, pid, startTime });
        this.#alive.set(containerId, container);
        this.#tellHeld(containerId);
        this.#early.admit(containerId, io);
        this.#o.reaper.wait(pid, (exit) => this.#ended(containerId, container, exit));
        return pid;
      });
    } catch (e) {
      io.discard();
      rmSync(directory, { recursive: true, force: true });
      throw e;
    }
  }

  /** @param again asked for before, of a monitor that may have done it */
  async start(containerId: string, program: RuntimeProgram, again = false): Promise<void> {
    await this.#creating.get(containerId);
    const container = this.#alive.get(containerId);
    const fifo = startFifo(program, containerId);
    if (container !== undefined && fifo !== undefined) {
      const gate = new StartGate(fifo, program);
      container.gate = gate;
      try {
        await gate.release();
      } finally {
        delete container.gate;
      }
      return;
    }
    if (again && program.kind !== '') return;
    const log = join(this.#o.directory, containerId, 'start.log');
    await this.#o.reaper.expecting(() =>
      runRuntime(this.#o, program, log, ['start', containerId], ['ignore', 'ignore', 'ignore']),
    );
  }

  /**
   * Starts the OCI runtime for an exec that is about to come, up to where it has to know what to run. Should none come, or the
   * container end before, nothing is left of it.
   */
  prepare(operation: PrepareOperation): void {
    const { containerId, execId, openStdin } = operation;
    if (!this.#alive.has(containerId)) return;
    const directory = this.#makeExecDirectory(containerId, execId);
    this.#prepared.add(operation, this.#execIo({ containerId, execId, tty: false, openStdin }), directory);
  }

  #makeExecDirectory(containerId: string, execId: string): string {
    const directory = join(this.#o.directory, containerId, `exec-${execId}`);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  exec(operation: ExecOperation): Promise<number> {
    return this.#tracked(this.#exec(operation));
  }

  async #exec(operation: ExecOperation): Promise<number> {
    const { containerId, execId } = operation;
    const container = this.#alive.get(containerId);
    if (container === undefined) throw new Error(`container ${containerId} is not running`);
    const directory = this.#makeExecDirectory(containerId, execId);
    return await this.#o.reaper.expecting(async () => {
      const { io, launched } = this.#prepared.take(operation) ?? this.#launchExec(operation, directory);
      try {
        const pid = await launched.finish(operation.consoleSize);
        const ended = this.#o.reaper.takeEarly(pid);
        if (ended !== undefined) {
          this.#early.admit(keyOf(operation), io);
          // Who asked for it hears first that it has run.
          setImmediate(() => this.#execEnded(container, execId, io, ended));
          return pid;
        }
        const startTime = startTimeOf(pid) ?? '';
        const { process: _, ...rest } = operation;
        saveState(join(directory, 'state.json'), { operation: rest, pid, startTime });
        container.execs.set(execId, { pid, startTime, io });
        this.#tellHeld(containerId, execId);
        this.#early.admit(keyOf(operation), io);
        const known = this.#o.reaper.wait(pid, (exit) => this.#execEnded(container, execId, io, exit));
        if (!known) this.#execEnded(container, execId, io, { code: LOST, signal: undefined });
        return pid;
      } catch (e) {
        io.discard();
        rmSync(directory, { recursive: true, force: true });
        throw e;
      }
    });
  }

  #launchExec(operation: ExecOperation, directory: string): { readonly io: ProcessIo; readonly launched: Launch } {
    const io = this.#execIo(operation);
    const file = join(directory, 'process.json');
    try {
      writeFileSync(file, JSON.stringify(operation.process), { mode: 0o600 });
      const command = ['exec', '--detach', '--process', file];
      const rest = [operation.containerId];
      return { io, launched: launch(this.#o, io, operation.tty, operation.program, directory, command, rest) };
    } catch (e) {
      io.discard();
      rmSync(directory, { recursive: true, force: true });
      throw e;
    }
  }

  /** Sends a signal; what has ended already gets none. */
  kill(containerId: string, signal: number, all: boolean): void {
    const container = this.#alive.get(containerId);
    if (container === undefined) return;
    if (all) {
      for (const pid of cgroupPids(this.#o.cgroups, container.operation.cgroupPath)) signalPid(pid, signal);
      return;
    }
    if (container.pidfd !== undefined) signalPidfd(container.pidfd, signal);
    else if (this.#o.reaper.isWaiting(container.pid)) signalPid(container.pid, signal);
  }

  /** Drops what is held of a container, ending it first if need be, without an exit to tell. */
  async forget(containerId: string): Promise<void> {
    const container = this.#alive.get(containerId);
    if (container !== undefined) {
      const over = new Promise<void>((resolve) => {
        container.forgotten = resolve;
      });
      this.kill(containerId, SIGKILL, false);
      await over;
    }
    rmSync(join(this.#o.directory, containerId), { recursive: true, force: true });
  }

  resize(containerId: string, execId: string | undefined, size: Size): void {
    const io = this.#ioOf(containerId, execId);
    if (io === undefined) throw new Error('there is no such process');
    io.resize(size);
  }

  #ioOf(containerId: string, execId: string | undefined): ProcessIo | undefined {
    const container = this.#alive.get(containerId);
    return execId === undefined ? container?.io : container?.execs.get(execId)?.io;
  }

  /** What the client is told first. It is given its bytes by `attach` right after. */
  replayFor(client: Attacher, containerId: string): Opened['replay'] {
    if (client.options.execId !== undefined) return undefined;
    return this.#alive.get(containerId)?.io.replayFor(client.options);
  }

  /** Attaches now, or as soon as the process is there. */
  attach(containerId: string, client: Attacher): void {
    const { execId } = client.options;
    const io = this.#ioOf(containerId, execId);
    if (io !== undefined) {
      io.attach(client);
      return;
    }
    if (client.options.stream === false) {
      client.socket.end();
      return;
    }
    this.#early.wait(keyOf({ containerId, execId }), client);
  }

  abandon(containerId: string, execId: string | undefined): void {
    this.#prepared.drop(keyOf({ containerId, execId }));
    this.#early.abandon(keyOf({ containerId, execId }));
  }

  /** `false`: the container is not running, its log grows no more. */
  isAlive(containerId: string): boolean {
    return this.#alive.has(containerId);
  }
  follow(containerId: string, socket: Socket): void {
    const io = this.#alive.get(containerId)?.io;
    if (io === undefined) socket.end();
    else io.follow(socket);
  }

  /**
   * Takes up what an earlier monitor, which died, has left running. What ended meanwhile waits for `settle`: the daemon may
   * have watched it.
   */
  adopt(): void {
    for (const containerId of readdirSync(this.#o.directory)) {
      const saved = readState<SavedContainer>(join(this.#o.directory, containerId, 'state.json'));
      if (saved === undefined) continue;
      const { operation, pid, startTime } = saved;
      const io = this.#containerIo(operation);
      const execs = new Map<string, Exec>();
      if (this.#o.exits.has(containerId)) {
        io.discard();
        continue;
      }
      io.reconnect();
      const pidfd = pidfdOf(saved);
      if (pidfd === undefined) {
        const container: Container = { operation, pid, startTime, io, execs };
        this.#unsettled.add(containerId, saved, io, (exit) => this.#ended(containerId, container, exit));
        continue;
      }
      const container: Container = { operation, pid, startTime, io, execs, pidfd };
      this.#alive.set(containerId, container);
      this.#o.warn('container taken up', { containerId, pid });
      watch(pidfd, saved, (exit) => this.#ended(containerId, container, exit));
      this.#adoptExecs(container);
    }
  }

  #adoptExecs(container: Container): void {
    const { containerId } = container.operation;
    for (const name of readdirSync(join(this.#o.directory, containerId))) {
      const saved = readState<SavedExec>(join(this.#o.directory, containerId, name, 'state.json'));
      if (saved === undefined) continue;
      const { operation, pid, startTime } = saved;
      const { execId } = operation;
      const io = this.#execIo(operation);
      io.reconnect();
      const settle = (exit: ProcessExit): void => this.#execEnded(container, execId, io, exit);
      const pidfd = pidfdOf(saved);
      if (pidfd === undefined) {
        this.#unsettled.add(keyOf({ containerId, execId }), saved, io, settle);
        continue;
      }
      container.execs.set(execId, { pid, startTime, io });
      watch(pidfd, saved, settle);
    }
  }

  /** Takes over what the daemon held while there was no monitor: terminals, and how processes ended. */
  takeBack(daemonPid: number, items: readonly Returned[]): void {
    this.#unsettled.takeBack(daemonPid, items, ({ containerId, execId }) => this.#ioOf(containerId, execId));
  }

  /** Records the ends of what ended while there was no monitor. */
  settle(): void {
    this.#unsettled.settle();
  }

  /** Everything that the daemon should hold beside this process. */
  held(): Held[] {
    return [...this.#alive].flatMap(([containerId, { execs }]) =>
      [undefined, ...execs.keys()].flatMap((execId) => this.#heldOf(containerId, execId) ?? []),
    );
  }

  #heldOf(containerId: string, execId: string | undefined): Held | undefined {
    const container = this.#alive.get(containerId);
    const process = execId === undefined ? container : container?.execs.get(execId);
    if (process === undefined) return undefined;
    return { containerId, execId, pid: process.pid, startTime: process.startTime, ...process.io.held };
  }

  #tellHeld(containerId: string, execId?: string): void {
    const held = this.#heldOf(containerId, execId);
    if (held !== undefined) this.#o.onHeld(held);
  }

  #containerIo(operation: CreateOperation): ProcessIo {
    const { containerId, tty, openStdin, stdinOnce, log } = operation;
    return new ProcessIo({
      base: join(this.#o.directory, containerId, 'init'),
      tty,
      openStdin,
      stdinOnce,
      log,
      onError: (error) => this.#o.warn('log not written', { containerId, error: String(error) }),
      onHeld: () => this.#tellHeld(containerId),
    });
  }

  #execIo(operation: Pick<ExecOperation, 'containerId' | 'execId' | 'tty' | 'openStdin'>): ProcessIo {
    const { containerId, execId, tty, openStdin } = operation;
    return new ProcessIo({
      base: join(this.#o.directory, containerId, `exec-${execId}`, 'exec'),
      tty,
      openStdin,
      stdinOnce: true,
      log: undefined,
      onError: () => undefined,
      onHeld: () => this.#tellHeld(containerId, execId),
    });
  }

  #ended(containerId: string, container: Container, exit: ProcessExit): void {
    this.#prepared.dropOf(containerId);
    const { operation } = container;
    container.gate?.giveUp();
    const at = rfc3339Nano(realtimeNanos());
    if (operation.sharesPids) {
      for (const pid of cgroupPids(this.#o.cgroups, operation.cgroupPath)) signalPid(pid, SIGKILL);
    }
    const oomKilled = oomKills(this.#o.cgroups, operation.cgroupPath) > 0;
    container.io.finish();
    for (const [execId, exec] of container.execs) {
      // Its end comes of its own when it is ours to reap; of one that we cannot see any more this is the end.
      if (this.#o.reaper.isWaiting(exec.pid)) continue;
      container.execs.delete(execId);
      this.#o.onReleased({ containerId, execId });
    }
    if (container.forgotten === undefined) {
      const record: ExitRecord = { containerId, code: exit.code, oomKilled, at };
      this.#o.exits.add(record);
      this.#alive.delete(containerId);
      rmSync(join(this.#o.directory, containerId, 'state.json'), { force: true });
      this.#o.onExit(record);
    } else {
      this.#alive.delete(containerId);
      container.forgotten();
    }
    this.#o.onReleased({ containerId });
  }

  #execEnded(container: Container, execId: string, io: ProcessIo, exit: ProcessExit): void {
    const { containerId } = container.operation;
    container.execs.delete(execId);
    io.finish();
    const record: ExitRecord = {
      containerId,
      execId,
      code: exit.code,
      oomKilled: false,
      at: rfc3339Nano(realtimeNanos()),
    };
    // No daemon but the one that asked for it knows of an exec: what that one is told need not be kept.
    if (!this.#o.onExit(record)) this.#o.exits.add(record);
    // Its clients are told the end in the next turn of the loop: what nobody waits for comes behind that.
    setImmediate(() =>
      setImmediate(() => {
        this.#o.onReleased({ containerId, execId });
        rmSync(join(this.#o.directory, containerId, `exec-${execId}`), { recursive: true, force: true });
      }),
    );
  }
}

function signalPid(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (e) {
    if (errnoOf(e) !== 'ESRCH') throw e;
  }
}
