import { Duplex } from 'node:stream';
import { frameHeader, STREAM } from '../../core/frames.ts';
import { invalidParameter, messageOf } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import type { ExecCreateRequest, ExecInspect, ExecStartRequest } from '../../core/wire/container.ts';
import type { ExitRecord, ResolvedUser } from '../../runtime/index.ts';
import { buildExecProcess, resolveUser, startFailureOf } from '../../runtime/index.ts';
import type { Execs } from '../contract.ts';
import type { Context, ExecHooks } from '../containers/context.ts';
import { publish } from '../containers/context.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys, withDetachKeys } from '../containers/detach-keys.ts';
import { namingDirectory } from '../containers/directory-failure.ts';
import { mergeEnv } from '../containers/merge-config.ts';
import type { ContainerRecord } from '../containers/record.ts';
import { specOf } from '../containers/running-spec.ts';
import { isLive } from '../containers/state.ts';
import { within } from '../containers/within.ts';
import { execNotFound, requestFailed, stateConflict } from '../errors.ts';

/** How long an ended exec can still be inspected, in milliseconds. */
const KEPT_MS = 5 * 60_000;
/** How long the word of an exit may take behind the end of the output, in milliseconds. */
const EXIT_DEADLINE_MS = 2_000;
/** Who has lately run something in a container and looks at it again mostly does so to run something, as the docker CLI does. */
const EXPECTED_AFTER_MS = 10_000;
/** Somewhat less than the runtime keeps ready what it was told to expect. */
const EXPECTED_MS = 800;
/** How long a resize waits for the process, in milliseconds; Docker's number. */
const BEGIN_DEADLINE_MS = 10_000;
/** Exit code of an exec for a user that the container does not know. */
const UNKNOWN_USER = 126;

interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly request: ExecCreateRequest;
  phase: 'created' | 'starting' | 'running' | 'ended';
  pid: number;
  exitCode: number | null;
  /** `false`: it could not be started. */
  readonly begun: PromiseWithResolvers<boolean>;
  readonly ended: PromiseWithResolvers<number>;
  /** Its output has come to an end, which it does only when the process has ended. */
  drained: boolean;
}

/** A further process in a container, for health checks: its output, and how it ended. */
export interface Probe {
  readonly pid: number;
  readonly output: Duplex;
  readonly exitCode: Promise<number>;
}

/** Processes run in running containers. Known only while the daemon lives; the processes go on without it. */
export class ExecTable implements Execs, ExecHooks {
  readonly #ctx: () => Context;
  readonly #execs = new Map<string, Exec>();
  /** When something was last run in a container, by its ID. */
  readonly #lastAsked = new Map<string, number>();
  /** Execs that are expected, by container, and until when they are readied. */
  readonly #expected = new Map<string, { readonly execId: string; readonly until: number }>();

  constructor(ctx: () => Context) {
    this.#ctx = ctx;
  }

  async create(containerRef: string, request: ExecCreateRequest): Promise<{ Id: string }> {
    const ctx = this.#ctx();
    const record = ctx.store.lookup(containerRef);
    requireRunning(record);
    if (!request.Cmd?.length) throw invalidParameter({ message: 'No exec command specified' });
    ctx.options.runtime.anticipate(true);
    if (request.DetachKeys) parseDetachKeys(request.DetachKeys);
    const now = performance.now();
    this.#lastAsked.set(record.id, now);
    const expected = this.#expected.get(record.id);
    this.#expected.delete(record.id);
    const isReady = expected !== undefined && now < expected.until && !request.Tty && !request.AttachStdin;
    const exec = this.#add(ctx, record, request, isReady ? expected.execId : newId());
    publish(ctx, record, `exec_create: ${request.Cmd.join(' ')}`, { execID: exec.id });
    // Mostly the start follows at once.
    if (!request.Tty && !isReady) ctx.options.runtime.prepareExec(record.id, attachOptions(exec));
    return { Id: exec.id };
  }

  expect(containerId: string): void {
    const { store, options, closing } = this.#ctx();
    const now = performance.now();
    if (now > (this.#lastAsked.get(containerId) ?? -Infinity) + EXPECTED_AFTER_MS) return;
    if (closing || store.find(containerId)?.state.kind !== 'running') return;
    if (now < (this.#expected.get(containerId)?.until ?? 0)) return;
    const execId = newId();
    this.#expected.set(containerId, { execId, until: now + EXPECTED_MS });
    options.runtime.prepareExec(containerId, { execId, stdin: false, stdout: true, stderr: true, stream: true });
  }

  async start(
    execId: string,
    request: ExecStartRequest,
  ): Promise<{ readonly tty: boolean; readonly stream: Duplex | null }> {
    const ctx = this.#ctx();
    const exec = this.#get(execId);
    const record = ctx.store.get(exec.containerId);
    if (exec.phase !== 'created') {
      throw stateConflict({
        message: `exec command ${execId} ${exec.phase === 'ended' ? 'has already run' : 'is already running'}`,
      });
    }
    requireRunning(record);
    exec.phase = 'starting';
    const tty = exec.request.Tty ?? false;
    if (request.Detach) {
      try {
        await this.#run(ctx, record, exec, true, request.ConsoleSize);
      } catch (cause) {
        // Nobody listens to a stream: a program that cannot be run is the request's fault.
        if (startFailureOf(cause) === 128) throw cause;
        throw invalidParameter({ message: messageOf(cause) }, { cause });
      }
      return { tty, stream: null };
    }
    const stream = await ctx.options.runtime.attach(record.id, { ...attachOptions(exec), tty });
    stream.once('end', () => {
      exec.drained = true;
    });
    try {
      await this.#run(ctx, record, exec, false, request.ConsoleSize);
    } catch (error) {
      stream.on('error', () => undefined);
      stream.destroy();
      return { tty, stream: told(messageOf(error), tty) };
    }
    const keys = exec.request.DetachKeys || DEFAULT_DETACH_KEYS;
    if (!tty || !exec.request.AttachStdin) return { tty, stream };
    return {
      tty,
      stream: withDetachKeys(stream, parseDetachKeys(keys), () =>
        publish(ctx, record, 'exec_detach', { execID: execId }),
      ),
    };
  }

  async inspect(execId: string): Promise<ExecInspect> {
    const exec = this.#get(execId);
    // A client that saw the output end asks for the exit code at once, and may be faster than the monitor's word of it.
    if (exec.drained && exec.phase !== 'ended') await within(exec.ended.promise, EXIT_DEADLINE_MS);
    const [entrypoint = '', ...args] = exec.request.Cmd ?? [];
    const { AttachStdin = false, AttachStdout = false, AttachStderr = false } = exec.request;
    return {
      ID: exec.id,
      Running: exec.phase === 'running' || exec.phase === 'starting',
      ExitCode: exec.exitCode,
      ProcessConfig: {
        tty: exec.request.Tty ?? false,
        entrypoint,
        arguments: args,
        privileged: exec.request.Privileged ?? false,
        ...(exec.request.User ? { user: exec.request.User } : {}),
      },
      OpenStdin: AttachStdin,
      OpenStderr: AttachStderr,
      OpenStdout: AttachStdout,
      CanRemove: false,
      ContainerID: exec.containerId,
      DetachKeys: '',
      Pid: exec.pid,
    };
  }

  async resize(execId: string, size: { readonly rows: number; readonly columns: number }): Promise<void> {
    const exec = this.#get(execId);
    if (exec.phase === 'ended') throw stateConflict({ message: `exec command ${execId} has already run` });
    // Clients ask for the size of their terminal right behind the start, and are often faster.
    const { promise: begun } = exec.begun;
    const isTold = exec.phase === 'running' || (await within(begun, BEGIN_DEADLINE_MS));
    if (!isTold || !(await begun)) throw requestFailed({ message: 'timeout waiting for exec session ready' });
    await this.#ctx().options.runtime.resize(exec.containerId, execId, size);
  }

  /** Runs a command as the container's own user for a health check. @throws {WharfError} if it cannot be started */
  async probe(record: ContainerRecord, argv: readonly string[]): Promise<Probe> {
    const ctx = this.#ctx();
    ctx.options.runtime.anticipate(true);
    const exec = this.#add(ctx, record, { Cmd: [...argv], AttachStdout: true, AttachStderr: true });
    publish(ctx, record, `exec_create: ${argv.join(' ')}`, { execID: exec.id });
    const output = await ctx.options.runtime.attach(record.id, {
      execId: exec.id,
      stdin: false,
      stdout: true,
      stderr: true,
      stream: true,
      tty: false,
    });
    output.on('error', () => undefined);
    exec.phase = 'starting';
    try {
      await this.#run(ctx, record, exec, false, null);
    } catch (error) {
      output.destroy();
      throw error;
    }
    return { pid: exec.pid, output, exitCode: exec.ended.promise };
  }

  /** Takes in that a process has ended; one that nobody knows (from before a restart) is only acknowledged. */
  async handleExit(exit: ExitRecord): Promise<void> {
    const ctx = this.#ctx();
    const exec = exit.execId === undefined ? undefined : this.#execs.get(exit.execId);
    if (exec !== undefined) {
      this.#end(exec, exit.code);
      const record = ctx.store.find(exec.containerId);
      if (record !== undefined) publish(ctx, record, 'exec_die', { execID: exec.id, exitCode: String(exit.code) });
    }
    await ctx.options.runtime.ackExit(exit);
  }

  idsOf(containerId: string): string[] {
    return [...this.#execs.values()]
      .filter((e) => e.containerId === containerId && e.phase === 'running')
      .map((e) => e.id);
  }

  /** Its processes died with the container; they can still be inspected for a while. */
  containerEnded(containerId: string): void {
    this.#lastAsked.delete(containerId);
    this.#expected.delete(containerId);
    for (const exec of this.#execs.values()) {
      if (exec.containerId === containerId && exec.phase !== 'ended') this.#end(exec, exec.exitCode ?? 137);
    }
  }

  #add(ctx: Context, record: ContainerRecord, request: ExecCreateRequest, id = newId()): Exec {
    const exec: Exec = {
      id,
      containerId: record.id,
      request,
      phase: 'created',
      pid: 0,
      exitCode: null,
      begun: Promise.withResolvers<boolean>(),
      ended: Promise.withResolvers<number>(),
      drained: false,
    };
    this.#execs.set(exec.id, exec);
    return exec;
  }

  async #run(
    ctx: Context,
    record: ContainerRecord,
    exec: Exec,
    detach: boolean,
    size: readonly [number, number] | null | undefined,
  ): Promise<void> {
    const { request } = exec;
    const tty = request.Tty ?? false;
    const spec = specOf(ctx, record);
    const own = (spec.process?.env ?? []).filter((line) => !request.User || !line.startsWith('HOME='));
    const terminal = tty && !own.some((line) => line.startsWith('TERM=')) ? ['TERM=xterm'] : [];
    const [rows = 0, columns = 0] = size ?? request.ConsoleSize ?? [];
    try {
      const { pid } = await ctx.options.runtime.exec({
        containerId: record.id,
        execId: exec.id,
        process: buildExecProcess(spec, {
          args: request.Cmd ?? [],
          env: mergeEnv([...own, ...terminal], request.Env ?? []),
          cwd: request.WorkingDir || undefined,
          user: request.User ? userIn(ctx, record, request.User) : undefined,
          tty,
          privileged: request.Privileged ?? false,
        }),
        openStdin: request.AttachStdin ?? false,
        detach,
        consoleSize: rows > 0 && columns > 0 ? { rows, columns } : undefined,
      });
      exec.pid = pid;
      // A short process may have ended, and said so, before this returned.
      if (exec.phase === 'starting') exec.phase = 'running';
      exec.begun.resolve(true);
      publish(ctx, record, `exec_start: ${(request.Cmd ?? []).join(' ')}`, { execID: exec.id });
    } catch (error) {
      this.#end(exec, invalidParameter.is(error) ? UNKNOWN_USER : startFailureOf(error));
      await ctx.options.runtime.abandon(record.id, exec.id).catch(() => undefined);
      throw namingDirectory(error, request.Cmd?.[0] ?? '', ctx.options.storage.snapshots.mountpoint(record.id));
    }
  }

  #end(exec: Exec, code: number): void {
    if (exec.phase === 'ended') return;
    exec.phase = 'ended';
    exec.begun.resolve(false);
    exec.exitCode = code;
    exec.ended.resolve(code);
    setTimeout(() => this.#execs.delete(exec.id), KEPT_MS).unref();
  }

  #get(id: string): Exec {
    const exec = this.#execs.get(id);
    if (exec === undefined) throw execNotFound({ id });
    return exec;
  }
}

function attachOptions({ id, request }: Exec) {
  return {
    execId: id,
    stdin: request.AttachStdin ?? false,
    stdout: request.AttachStdout ?? false,
    stderr: request.AttachStderr ?? false,
    stream: true,
  };
}

/** @throws {WharfError} 400 for a user that the container does not know */
function userIn(ctx: Context, record: ContainerRecord, user: string): ResolvedUser {
  const root = ctx.options.storage.snapshots.mountpoint(record.id);
  if (root === undefined) throw stateConflict({ message: `container ${record.id} is not running` });
  try {
    return resolveUser(root, user, record.hostConfig.GroupAdd ?? []);
  } catch (cause) {
    throw invalidParameter({ message: messageOf(cause) }, { cause });
  }
}

function requireRunning(record: ContainerRecord): void {
  if (record.state.kind === 'paused') {
    throw stateConflict({ message: `Container ${record.name} is paused, unpause the container before exec` });
  }
  if (record.state.kind === 'restarting') {
    throw stateConflict({ message: `Container ${record.id} is restarting, wait until the container is running` });
  }
  if (!isLive(record.state)) throw stateConflict({ message: `container ${record.id} is not running` });
}

/** A stream that says why nothing was started, and ends; what is written to it is dropped. */
function told(message: string, tty: boolean): Duplex {
  const text = Buffer.from(`${message}\r\n`);
  const chunks = [tty ? text : Buffer.concat([frameHeader(STREAM.stdout, text.length), text])];
  return new Duplex({
    read() {
      this.push(chunks.shift() ?? null);
    },
    write: (_chunk, _encoding, done) => done(),
  });
}
