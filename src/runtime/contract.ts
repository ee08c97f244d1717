import type { Duplex, Readable } from 'node:stream';
import type { Logger } from '../core/log.ts';
import type { CgroupStats, IoCounter } from '../linux/index.ts';
import type { LogForward } from './logs/forward/target.ts';
import type { OciSpec } from './spec/oci-spec.ts';

export type * from './logs/forward/target.ts';

export interface RuntimeOptions {
  /** Short-lived state: bundles' FIFOs, the monitor's socket, runtime state. */
  readonly execRoot: string;
  /** What must outlive a reboot: exit records and logs live below the directories that the caller names. */
  readonly dataRoot: string;
  /** How to start the monitor: program and arguments; the monitor's own arguments are added. */
  readonly monitorCommand: readonly string[];
  /** `crun`, `runc` or a path; `undefined` probes. */
  readonly defaultRuntime: string | undefined;
  /** Runtimes by name, beside those found by probing: path of the program. */
  readonly runtimes: Readonly<Record<string, string>>;
  /** Cgroup below which containers go, unique for this daemon: `/wharf-<hash>`. */
  readonly cgroupParent: string;
  readonly log: Logger;
}

export interface RuntimeInfo {
  /** The one that containers get. */
  readonly name: string;
  readonly path: string;
  readonly version: string;
  readonly cgroupMode: 'v1' | 'hybrid' | 'v2';
  /** Every candidate, and why it was not taken. */
  readonly candidates: readonly {
    readonly name: string;
    readonly path: string;
    readonly works: boolean;
    readonly reason: string;
  }[];
  readonly controllers: readonly string[];
  /** Limits that not every kernel knows. */
  readonly limits: {
    readonly swap: boolean;
    readonly swappiness: boolean;
    readonly oomKillDisable: boolean;
    readonly blkioWeight: boolean;
    readonly cpuRealtime: boolean;
  };
}

export interface LogTarget {
  /** json-file: absolute path of the current file; rotated ones get `.1`, `.2`. `null`: nothing is recorded. */
  readonly path: string | null;
  /** Bytes; 0: never rotated. */
  readonly maxSizeBytes: number;
  readonly maxFiles: number;
  /** Extra attributes of each line (labels, env), usually none. */
  readonly attrs?: Readonly<Record<string, string>>;
  /** To whom the lines go on beside the file; needs a `path`. */
  readonly forward?: LogForward | undefined;
}

export interface CreateContainer {
  readonly id: string;
  /** Directory with `config.json` written from `spec` by this call; its rootfs is already mounted. */
  readonly bundleDir: string;
  readonly spec: OciSpec;
  /** Name from `RuntimeInfo.candidates`; `undefined`: the default. */
  readonly runtime?: string | undefined;
  readonly tty: boolean;
  readonly consoleSize?: { readonly rows: number; readonly columns: number } | undefined;
  readonly openStdin: boolean;
  /** Stdin ends when the first attached client that had stdin goes. */
  readonly stdinOnce: boolean;
  readonly log: LogTarget;
}

export interface ExitRecord {
  readonly containerId: string;
  /** Absent: the container's own process. */
  readonly execId?: string | undefined;
  /** Exit code, 128 + signal when killed by one. */
  readonly code: number;
  readonly oomKilled: boolean;
  /** RFC 3339 with nanoseconds digits as far as known. */
  readonly at: string;
}

export interface AttachOptions {
  readonly execId?: string | undefined;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Recorded output first. */
  readonly logs?: boolean;
  /** Then live; `false`: ends after the replay. */
  readonly stream?: boolean;
}

export interface ExecProcess {
  readonly containerId: string;
  readonly execId: string;
  readonly process: NonNullable<OciSpec['process']>;
  readonly openStdin: boolean;
  /** Nobody will attach: output is dropped. */
  readonly detach: boolean;
  readonly consoleSize?: { readonly rows: number; readonly columns: number } | undefined;
}

export interface LogQuery {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Nanoseconds since 1970. */
  readonly sinceNanos?: bigint;
  readonly untilNanos?: bigint;
  /** Number of last lines; `undefined`: all. */
  readonly tail?: number;
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Extra attributes in front of each line. */
  readonly details?: boolean;
}

/** What a container's processes have used. */
export type ContainerStats = CgroupStats;
export type { IoCounter };

/**
 * Containers as processes: the OCI runtime below, the monitor that holds stdio, logs and exit codes. The monitor outlives
 * this object; what runs goes on when the daemon dies, and `open` takes it up again.
 */
export interface Runtime extends AsyncDisposable {
  info(): RuntimeInfo;
  /**
   * Says that a process will be made within some 20 ms: what the kernel takes long to get ready for is begun. Returns at once.
   * @param more it is sure, and more of them may follow in the next moments
   */
  anticipate(more?: boolean): void;
  /**
   * Writes `config.json` and creates the container: set up and waiting before its program. On failure nothing is left.
   * @throws {WharfError} `RUNTIME_FAILED` with `exitCode` 126, 127 or 128 in mind: use `startFailureOf(error)`
   */
  create(request: CreateContainer): Promise<{ readonly pid: number }>;
  /** Lets the created process run; while `create` is under way, as soon as it is made. @throws {WharfError} `RUNTIME_FAILED` */
  start(containerId: string): Promise<void>;
  /** Sends a signal to the container's process (or to all of its processes). Success if it is gone already. */
  kill(containerId: string, signal: number, options?: { readonly all?: boolean }): Promise<void>;
  pause(containerId: string): Promise<void>;
  resume(containerId: string): Promise<void>;
  update(containerId: string, resources: NonNullable<NonNullable<OciSpec['linux']>['resources']>): Promise<void>;
  /** Removes what the OCI runtime and the monitor hold of a container that is not running: state, cgroup, FIFOs. Idempotent. */
  delete(containerId: string): Promise<void>;
  /**
   * The container's (or exec's) stdio as the bytes of an attach connection: frames without a TTY, raw with one; what is
   * written goes to stdin, end() is end of file. May be called before `create`: then it waits and misses nothing. Ends when
   * the process has ended and everything was delivered. Destroying it only detaches.
   */
  attach(containerId: string, options: AttachOptions & { readonly tty: boolean }): Promise<Duplex>;
  /** Forgets attachers that wait for a `create` that will not come, ending their streams. */
  abandon(containerId: string, execId?: string): Promise<void>;
  /**
   * Says that this attach is likely to follow at once, before the container's `create`. Nothing is left if none does; one
   * with stdin is not prepared for.
   */
  expectAttach(containerId: string, options: AttachOptions & { readonly tty: boolean }): void;
  /**
   * Says that an exec without a terminal is likely to follow at once, attached like this: what can be done before it is known
   * what is to run is begun. Returns at once; nothing is left if no exec follows.
   */
  prepareExec(containerId: string, options: AttachOptions & { readonly execId: string }): void;
  /** Runs a further process in a running container; resolves when it runs. @throws {WharfError} `RUNTIME_FAILED` */
  exec(request: ExecProcess): Promise<{ readonly pid: number }>;
  resize(
    containerId: string,
    execId: string | undefined,
    size: { readonly rows: number; readonly columns: number },
  ): Promise<void>;
  /**
   * Called for each exit, also for those that happened while no daemon was there, until acknowledged by `ackExit`.
   * Exits are in order of time; one that was not acknowledged comes again at the next open.
   */
  onExit(listener: (exit: ExitRecord) => void): void;
  ackExit(exit: ExitRecord): Promise<void>;
  /** Containers (not execs) that the monitor holds as alive, with their process. */
  alive(): Promise<readonly { readonly containerId: string; readonly pid: number }[]>;
  /** Recorded output, frames or raw bytes as in attach. `tty` tells which. Ends at the end, or with `follow` when the container has ended. */
  readLogs(
    containerId: string,
    path: string,
    query: LogQuery & { readonly tty: boolean },
    signal: AbortSignal,
  ): Readable;
  stats(containerId: string): Promise<ContainerStats>;
  /** Processes in the container's cgroup, by host pid. */
  pids(containerId: string): Promise<readonly number[]>;
  /** Ends the monitor when no container is left; for a graceful stop without live-restore. */
  stopMonitor(): Promise<void>;
}
