import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
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
import { AttachAhead } from './attach-ahead.ts';
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
import { watchLog } from './logs/follow.ts';
import { readLog } from './logs/read-logs.ts';
import { OperationFailed, openConnection } from './monitor-client.ts';
import { MonitorLink } from './monitor-link.ts';
import { endCgroup, killRuntimes } from './leftovers.ts';
import { monitorSocket } from './monitor-process.ts';
import type { CreateOperation, Opening, RuntimeProgram, Size } from './monitor/protocol.ts';
import { ociFailure } from './oci-failure.ts';
import { withFlagsOfSources } from './spec/bind-flags.ts';
import { withCompiledSeccomp } from './spec/compiled-seccomp.ts';
import { withLimitsOf } from './privileged-limits.ts';
import { withBindsBelow } from './spec/binds-below.ts';
import type { OciProcess, OciResources, OciSpec } from './spec/oci-spec.ts';

const SIGKILL = 9;
/** For at least so long the kernel stays ready for processes that join groups. */
const READY_MS = 10;
/** Who runs something mostly runs more: for so long the kernel is kept ready, in milliseconds. */
const KEEP_READY_MS = 400;

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
  readonly #link: MonitorLink;
  readonly #ahead = new AttachAhead();
  /** When the kernel was last readied for processes. */
  #anticipated = -Infinity;
  #keepReadyUntil = -Infinity;
  #keeping: NodeJS.Timeout | undefined;

  private constructor(parts: RuntimeParts, link: MonitorLink) {
    this.#options = parts.options;
    this.#info = parts.info;
    this.#cgroups = parts.cgroups;
    this.#kinds = parts.kinds;
    this.#known = new KnownContainers(join(parts.options.execRoot, 'known'));
    this.#link = link;
  }

  static async open(parts: RuntimeParts): Promise<MonitoredRuntime> {
    const runtime = new MonitoredRuntime(parts, await MonitorLink.open(parts.options));
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

  anticipate(more = false): void {
    const now = performance.now();
    if (more) this.#keepReadyUntil = now + KEEP_READY_MS;
    if (more && this.#keeping === undefined) this.#keeping = setInterval(() => this.#keepReady(), READY_MS).unref();
    if (now < this.#anticipated + READY_MS) return;
    this.#anticipated = now;
    void readyForJoining(this.#cgroups);
  }

  #keepReady(): void {
    if (performance.now() < this.#keepReadyUntil) return this.anticipate();
    clearInterval(this.#keeping);
    this.#keeping = undefined;
  }

  async create(request: CreateContainer): Promise<{ readonly pid: number }> {
    const { id, spec, bundleDir } = request;
    const program = this.#program(request.runtime);
    const cgroupPath = spec.linux?.cgroupsPath ?? `${this.#options.cgroupParent}/${id}`;
    const mapped = spec.linux?.uidMappings !== undefined;
    const config = JSON.stringify(program.kind === 'crun' ? forCrun(spec, mapped) : spec);
    writeFileSync(join(bundleDir, 'config.json'), config, { mode: 0o600 });
    this.#ahead.dropOf(id);
    // Its last end could not be tidied up, as when no file could be opened any more.
    if (this.#known.find(id) !== undefined) await this.delete(id);
    const known: KnownContainer = { program, cgroupPath, tty: request.tty, ...(mapped ? { mapped } : {}) };
    this.#known.set(id, known);
    const operation: CreateOperation = {
      op: 'create',
      containerId: id,
      bundleDir,
      program: mapped ? throughLimits(program, spec.process) : program,
      tty: request.tty,
      consoleSize: request.consoleSize,
      openStdin: request.openStdin,
      stdinOnce: request.stdinOnce,
      log: request.log,
      cgroupPath,
      sharesPids: !spec.linux?.namespaces.some((ns) => ns.type === 'pid' && ns.path === undefined),
    };
    try {
      const { pid } = await this.#link.create(operation, async () => {
        killRuntimes(program, id);
        await this.#removeTraces(id, known);
      });
      return { pid: pid ?? 0 };
    } catch (e) {
      await this.#removeTraces(id, known);
      this.#known.delete(id);
      throw e instanceof OperationFailed ? ociFailure('create', spec.process?.args[0] ?? '', e.failure) : e;
    }
  }

  async start(containerId: string): Promise<void> {
    const { program } = this.#get(containerId);
    try {
      await this.#link.start(containerId, program);
    } catch (e) {
      throw e instanceof OperationFailed ? ociFailure('start', '', e.failure) : e;
    }
  }

  async kill(containerId: string, signal: number, options: { readonly all?: boolean } = {}): Promise<void> {
    await this.#link.call({ op: 'kill', containerId, signal, all: options.all === true });
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
    await this.#link.call({ op: 'forget', containerId });
    if (known === undefined) return;
    await this.#removeTraces(containerId, known);
    this.#known.delete(containerId);
    this.#link.forgetExecs(containerId);
  }

  async attach(containerId: string, options: AttachOptions & { readonly tty: boolean }): Promise<Duplex> {
    await this.#link.ready();
    const opening = attachOpening(containerId, options);
    const connection =
      this.#ahead.take(opening, this.#link.monitor) ?? openConnection(monitorSocket(this.#options.execRoot), opening);
    const { socket, opened } = await connection;
    if (opened.replay === undefined) return socket;
    const query = { ...options, timestamps: false, until: opened.replay.until };
    return new ReplayThenLive(readLog(opened.replay.path, query), socket);
  }

  async abandon(containerId: string, execId?: string): Promise<void> {
    if (execId === undefined) this.#ahead.dropOf(containerId);
    await this.#link.call({ op: 'abandon', containerId, execId });
  }

  prepareExec(containerId: string, options: AttachOptions & { readonly execId: string }): void {
    const known = this.#known.find(containerId);
    if (known === undefined || known.mapped === true) return;
    const { program } = known;
    const { execId, stdin } = options;
    if (!this.#link.prepare({ op: 'prepare', containerId, execId, program, openStdin: stdin })) return;
    this.#openAhead(attachOpening(containerId, { ...options, tty: false }));
  }

  expectAttach(containerId: string, options: AttachOptions & { readonly tty: boolean }): void {
    // What is sent to stdin would be taken from whoever attaches after all.
    if (!options.stdin) this.#openAhead(attachOpening(containerId, options));
  }

  #openAhead(opening: ReturnType<typeof attachOpening>): void {
    this.#ahead.open(monitorSocket(this.#options.execRoot), opening, this.#link.monitor);
  }

  async exec(request: ExecProcess): Promise<{ readonly pid: number }> {
    const { containerId, execId, process } = request;
    const { program, mapped } = this.#get(containerId);
    try {
      const { pid } = await this.#link.exec({
        op: 'exec',
        containerId,
        execId,
        program: mapped === true ? throughLimits(program, process) : program,
        process,
        tty: process.terminal === true,
        consoleSize: request.consoleSize,
        openStdin: request.openStdin,
        detach: request.detach,
      });
      return { pid: pid ?? 0 };
    } catch (e) {
      throw e instanceof OperationFailed ? ociFailure('exec', process.args[0] ?? '', e.failure) : e;
    }
  }

  async resize(containerId: string, execId: string | undefined, size: Size): Promise<void> {
    try {
      await this.#link.call({ op: 'resize', containerId, execId, size });
    } catch (e) {
      throw e instanceof OperationFailed ? runtimeFailed({ message: `cannot resize: ${e.message}` }) : e;
    }
  }

  onExit(listener: (exit: ExitRecord) => void): void {
    this.#link.onExit(listener);
  }

  async ackExit(exit: ExitRecord): Promise<void> {
    await this.#link.call({ op: 'ack', exit });
  }

  async alive(): Promise<readonly { readonly containerId: string; readonly pid: number }[]> {
    const { running = [] } = await this.#link.call({ op: 'list' });
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
    if (await this.#link.stop()) removeCgroup(this.#cgroups, this.#options.cgroupParent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
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

function attachOpening(
  containerId: string,
  { tty, execId, stdin, stdout, stderr, logs = false, stream = true }: AttachOptions & { readonly tty: boolean },
): Extract<Opening, { readonly kind: 'attach' }> {
  return { kind: 'attach', containerId, options: { execId, stdin, stdout, stderr, logs, stream }, tty };
}

/** What crun does not do by itself. */
function forCrun(spec: OciSpec, mapped: boolean): OciSpec {
  return withFlagsOfSources(withCompiledSeccomp(mapped ? withBindsBelow(spec) : spec));
}

/** See `withLimitsOf`. */
function throughLimits(program: RuntimeProgram, process: OciProcess | undefined): RuntimeProgram {
  if (process === undefined) return program;
  const through = withLimitsOf(process);
  return through.length === 0 ? program : { ...program, through };
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
