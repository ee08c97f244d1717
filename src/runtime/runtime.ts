import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { messageOf } from '../core/errors.ts';
import {
  type CgroupHost,
  cgroupPids,
  cgroupStats,
  isFrozen,
  readyForJoining,
  realtimeNanos,
  removeCgroup,
  setFrozen,
} from '../linux/index.ts';
import { ReplayThenLive } from './attach.ts';
import type {
  AttachOptions,
  ContainerStats,
  CreateContainer,
  ExecProcess,
  ExitRecord,
  LogQuery,
  Runtime,
  RuntimeInfo,
  RuntimeOptions,
} from './contract.ts';
import { runtimeFailed } from './errors.ts';
import { type KnownContainer, KnownContainers } from './known-containers.ts';
import { rfc3339Nano } from './logs/encode-lines.ts';
import { watchLog } from './logs/follow.ts';
import { readLog } from './logs/read-logs.ts';
import { HeldStdio, keyOf } from './held-stdio.ts';
import { type MonitorClient, OperationFailed, openConnection } from './monitor-client.ts';
import { endCgroup, killRuntimes } from './leftovers.ts';
import { connectMonitor, monitorSocket } from './monitor-process.ts';
import {
  type CreateOperation,
  type Operation,
  PROTOCOL,
  type Result,
  type RuntimeProgram,
  type Size,
} from './monitor/protocol.ts';
import { ociFailure } from './oci-failure.ts';
import { withCompiledSeccomp } from './spec/compiled-seccomp.ts';
import type { OciResources } from './spec/oci-spec.ts';

const SIGKILL = 9;
/** How often an operation is asked for when monitors die under it. */
const ATTEMPTS = 3;
/** The exit code of what nobody could watch to its end (Docker's). */
const LOST = 255;

export interface RuntimeParts {
  readonly options: RuntimeOptions;
  readonly info: RuntimeInfo;
  readonly cgroups: CgroupHost;
  /** What the runtimes call themselves, by the name they have here. */
  readonly kinds: ReadonlyMap<string, string>;
}

/** The daemon's side: OCI bundles, control groups and logs here; processes by way of the monitor. */
export class MonitoredRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #info: RuntimeInfo;
  readonly #cgroups: CgroupHost;
  readonly #kinds: ReadonlyMap<string, string>;
  readonly #known: KnownContainers;
  readonly #execs = new Map<string, { readonly containerId: string; readonly execId: string }>();
  readonly #held = new HeldStdio();
  readonly #undelivered: ExitRecord[] = [];
  /** Processes that are being started: their exits wait until the caller knows that they ran. */
  readonly #starting = new Map<string, ExitRecord[]>();
  /** Containers whose `create` is under way; resolves when it is over, well or not. */
  readonly #creating = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(exit: ExitRecord) => void>();
  #client: Promise<MonitorClient>;
  #disposed = false;

  private constructor(parts: RuntimeParts) {
    this.#options = parts.options;
    this.#info = parts.info;
    this.#cgroups = parts.cgroups;
    this.#kinds = parts.kinds;
    this.#known = new KnownContainers(join(parts.options.execRoot, 'known'));
    this.#client = this.#connect();
  }

  static async open(parts: RuntimeParts): Promise<MonitoredRuntime> {
    const runtime = new MonitoredRuntime(parts);
    await runtime.#client;
    await runtime.#sweep();
    return runtime;
  }

  /**
   * Removes what there is of containers that do not run: of one that was being made when daemon and monitor died together
   * nobody else knows, and the OCI runtime that was at work on it may still be.
   */
  async #sweep(): Promise<void> {
    const alive = new Set((await this.alive()).map((c) => c.containerId));
    for (const id of this.#known.ids()) {
      const known = alive.has(id) ? undefined : this.#known.find(id);
      if (known === undefined) continue;
      killRuntimes(known.program, id);
      await this.delete(id);
    }
  }

  info(): RuntimeInfo {
    return this.#info;
  }

  anticipate(): void {
    void readyForJoining(this.#cgroups, this.#options.cgroupParent);
  }

  async create(request: CreateContainer): Promise<{ readonly pid: number }> {
    const { id, spec, bundleDir } = request;
    const program = this.#program(request.runtime);
    const cgroupPath = spec.linux?.cgroupsPath ?? `${this.#options.cgroupParent}/${id}`;
    const config = JSON.stringify(program.kind === 'crun' ? withCompiledSeccomp(spec) : spec);
    writeFileSync(join(bundleDir, 'config.json'), config, { mode: 0o600 });
    const known: KnownContainer = { program, cgroupPath, tty: request.tty };
    this.#known.set(id, known);
    const made = Promise.withResolvers<void>();
    this.#creating.set(id, made.promise);
    try {
      const { pid } = await this.#create(known, {
        op: 'create',
        containerId: id,
        bundleDir,
        program,
        tty: request.tty,
        consoleSize: request.consoleSize,
        openStdin: request.openStdin,
        stdinOnce: request.stdinOnce,
        log: request.log,
        cgroupPath,
        sharesPids: !spec.linux?.namespaces.some((ns) => ns.type === 'pid' && ns.path === undefined),
      });
      return { pid: pid ?? 0 };
    } catch (e) {
      await this.#removeTraces(id, known);
      this.#known.delete(id);
      throw e instanceof OperationFailed ? ociFailure('create', spec.process?.args[0] ?? '', e.failure) : e;
    } finally {
      this.#creating.delete(id);
      made.resolve();
    }
  }

  /** Once more when the monitor dies over it: nothing of the container has run yet. */
  async #create(known: KnownContainer, operation: CreateOperation): Promise<Result> {
    const client = await this.#client;
    try {
      return await client.call(operation);
    } catch (e) {
      if (e instanceof OperationFailed || this.#disposed) throw e;
      await client.closed;
      await this.#client;
      killRuntimes(known.program, operation.containerId);
      await this.#removeTraces(operation.containerId, known);
      return await this.#call(operation);
    }
  }

  async start(containerId: string): Promise<void> {
    const { program } = this.#get(containerId);
    if ((await this.#client).protocol < 3) await this.#creating.get(containerId);
    try {
      await this.#begin(containerId, { op: 'start', containerId, program });
    } catch (e) {
      throw e instanceof OperationFailed ? ociFailure('start', '', e.failure) : e;
    }
  }

  async kill(containerId: string, signal: number, options: { readonly all?: boolean } = {}): Promise<void> {
    await this.#call({ op: 'kill', containerId, signal, all: options.all === true });
    const known = this.#known.find(containerId);
    // A frozen process of cgroup v1 dies only when it is let go.
    if (signal === SIGKILL && known !== undefined && isFrozen(this.#cgroups, known.cgroupPath)) {
      await setFrozen(this.#cgroups, known.cgroupPath, false);
    }
  }

  async pause(containerId: string): Promise<void> {
    await setFrozen(this.#cgroups, this.#get(containerId).cgroupPath, true);
  }
  async resume(containerId: string): Promise<void> {
    await setFrozen(this.#cgroups, this.#get(containerId).cgroupPath, false);
  }

  async update(containerId: string, resources: OciResources): Promise<void> {
    const { program } = this.#get(containerId);
    const file = join(this.#options.execRoot, 'known', `${containerId}.update`);
    writeFileSync(file, JSON.stringify(resources), { mode: 0o600 });
    try {
      const { code, said } = await run(program, ['update', '--resources', file, containerId]);
      if (code !== 0) throw runtimeFailed({ message: `Cannot update container ${containerId}: ${said}` });
    } finally {
      rmSync(file, { force: true });
    }
  }

  async delete(containerId: string): Promise<void> {
    const known = this.#known.find(containerId);
    // A frozen process would never end.
    if (known !== undefined && isFrozen(this.#cgroups, known.cgroupPath)) {
      await setFrozen(this.#cgroups, known.cgroupPath, false);
    }
    await this.#call({ op: 'forget', containerId });
    if (known === undefined) return;
    await this.#removeTraces(containerId, known);
    this.#known.delete(containerId);
    for (const [key, exec] of this.#execs) if (exec.containerId === containerId) this.#execs.delete(key);
  }

  async attach(containerId: string, options: AttachOptions & { readonly tty: boolean }): Promise<Duplex> {
    const { tty, ...rest } = options;
    await this.#client;
    const opening = { kind: 'attach', containerId, options: rest, tty } as const;
    const { socket, opened } = await openConnection(monitorSocket(this.#options.execRoot), opening);
    if (opened.replay === undefined) return socket;
    const query = { ...options, timestamps: false, until: opened.replay.until };
    return new ReplayThenLive(readLog(opened.replay.path, query), socket);
  }

  async abandon(containerId: string, execId?: string): Promise<void> {
    await this.#call({ op: 'abandon', containerId, execId });
  }

  async exec(request: ExecProcess): Promise<{ readonly pid: number }> {
    const { containerId, execId, process } = request;
    const { program } = this.#get(containerId);
    const key = `${containerId}/${execId}`;
    this.#execs.set(key, { containerId, execId });
    try {
      const { pid } = await this.#begin(key, {
        op: 'exec',
        containerId,
        execId,
        program,
        process,
        tty: process.terminal === true,
        consoleSize: request.consoleSize,
        openStdin: request.openStdin,
        detach: request.detach,
      });
      return { pid: pid ?? 0 };
    } catch (e) {
      this.#execs.delete(key);
      throw e instanceof OperationFailed ? ociFailure('exec', process.args[0] ?? '', e.failure) : e;
    }
  }

  async resize(containerId: string, execId: string | undefined, size: Size): Promise<void> {
    try {
      await this.#call({ op: 'resize', containerId, execId, size });
    } catch (e) {
      throw e instanceof OperationFailed ? runtimeFailed({ message: `cannot resize: ${e.message}` }) : e;
    }
  }

  onExit(listener: (exit: ExitRecord) => void): void {
    this.#listeners.add(listener);
    for (const exit of this.#undelivered.splice(0)) listener(exit);
  }

  async ackExit(exit: ExitRecord): Promise<void> {
    await this.#call({ op: 'ack', exit });
  }

  async alive(): Promise<readonly { readonly containerId: string; readonly pid: number }[]> {
    const { running = [] } = await this.#call({ op: 'list' });
    return running.map(({ containerId, pid }) => ({ containerId, pid }));
  }

  readLogs(
    containerId: string,
    path: string,
    query: LogQuery & { readonly tty: boolean },
    signal: AbortSignal,
  ): Readable {
    // Ends the following, not the reading: what has been written by then is still delivered.
    const over = new AbortController();
    const watch = () => watchLog(monitorSocket(this.#options.execRoot), containerId, over.signal);
    const stream = readLog(path, query, query.follow ? watch : undefined);
    const timer = query.follow ? endAt(query.untilNanos, () => over.abort()) : undefined;
    const abort = (): void => {
      stream.destroy();
    };
    // A reader that waits for more must be woken first: destroying waits for it to return.
    const destroy = stream._destroy.bind(stream);
    stream._destroy = (error, done) => {
      clearTimeout(timer);
      over.abort();
      signal.removeEventListener('abort', abort);
      destroy(error, done);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    return stream;
  }

  async stats(containerId: string): Promise<ContainerStats> {
    return cgroupStats(this.#cgroups, this.#get(containerId).cgroupPath);
  }

  async pids(containerId: string): Promise<readonly number[]> {
    return cgroupPids(this.#cgroups, this.#get(containerId).cgroupPath);
  }

  async stopMonitor(): Promise<void> {
    const client = await this.#client;
    this.#disposed = true;
    const { stopped } = await client.call({ op: 'stop' });
    if (stopped !== true) {
      this.#disposed = false;
      return;
    }
    await client.closed;
    removeCgroup(this.#cgroups, this.#options.cgroupParent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    (await this.#client.catch(() => undefined))?.close();
    this.#held.keepOnly(new Set());
  }

  /** Connects to the monitor, and again when it should die: a new one takes up what runs. */
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
    const lost = (): void => {
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
    const key = exit.execId === undefined ? exit.containerId : `${exit.containerId}/${exit.execId}`;
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
      return await this.#call(operation);
    } finally {
      setImmediate(() => {
        this.#starting.delete(key);
        for (const exit of waiting) this.#exited(exit);
      });
    }
  }

  /** With a monitor that dies meanwhile, what may be asked twice is asked of the next. */
  async #call(operation: Operation): Promise<Result> {
    let asked = operation;
    for (let attempt = 1; ; attempt++) {
      const client = await this.#client;
      try {
        return await client.call(asked);
      } catch (e) {
        if (e instanceof OperationFailed || this.#disposed || attempt === ATTEMPTS) throw e;
        if (operation.op === 'create' || operation.op === 'exec') throw e;
        await client.closed;
        if (operation.op === 'start') {
          asked = { ...operation, again: true };
          // Made anew by then, if it was not made.
          await this.#creating.get(operation.containerId);
        }
      }
    }
  }

  #get(containerId: string): KnownContainer {
    const known = this.#known.find(containerId);
    if (known === undefined) throw runtimeFailed({ message: `container ${containerId} has no process here` });
    return known;
  }

  #program(name: string | undefined): RuntimeProgram {
    const wanted = name ?? this.#info.name;
    const found = this.#info.candidates.find((candidate) => candidate.name === wanted);
    if (found === undefined) {
      throw runtimeFailed({ message: `unknown or invalid runtime name: ${wanted}` });
    }
    return {
      path: found.path,
      root: join(this.#options.execRoot, 'oci', found.name),
      kind: this.#kinds.get(found.name) ?? '',
    };
  }

  /**
   * What the OCI runtime's `delete` would do, without starting it: no process is left, we use no hooks, so that there is its
   * state directory and the cgroup. Where processes are left it is asked after all, with force.
   */
  async #removeTraces(containerId: string, known: KnownContainer): Promise<void> {
    const state = join(known.program.root, containerId);
    if (!removeCgroup(this.#cgroups, known.cgroupPath)) {
      // A runtime that was at work when the monitor died goes on by itself, and would make anew what is removed here.
      killRuntimes(known.program, containerId);
      if (existsSync(state)) await run(known.program, ['delete', '--force', containerId]);
      await endCgroup(this.#cgroups, known.cgroupPath);
    }
    rmSync(state, { recursive: true, force: true });
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

function endAt(nanos: bigint | undefined, end: () => void): NodeJS.Timeout | undefined {
  if (nanos === undefined) return undefined;
  const ms = Number((nanos - realtimeNanos()) / 1_000_000n) + 1;
  return setTimeout(end, Math.min(Math.max(0, ms), LONGEST_TIMER_MS)).unref();
}

function run(program: RuntimeProgram, args: readonly string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(program.path, ['--root', program.root, ...args], (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, said: stderr.trim() });
    });
  });
}
