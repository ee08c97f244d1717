import type { AttachOptions, ExitRecord, LogTarget } from '../contract.ts';

/**
 * What goes over `monitor.sock`. A connection begins with one line of JSON that says what it is (`Opening`), answered by one
 * line (`Opened`). Then: on a control connection requests and answers, a line of JSON each, and `exit` events in between;
 * on an attach connection the raw bytes of stdio; on a follow connection a newline whenever the log has grown, until its end.
 */
export const PROTOCOL = 4;

export type Opening =
  | { readonly kind: 'control' }
  | {
      readonly kind: 'attach';
      readonly containerId: string;
      readonly options: AttachOptions;
      readonly tty: boolean;
    }
  | { readonly kind: 'follow'; readonly containerId: string };

export interface Opened {
  readonly ok: boolean;
  /** Attach with `logs`: everything in this log up to this time (RFC 3339) comes before the bytes that follow. */
  readonly replay?: { readonly path: string; readonly until: string } | undefined;
  /** Follow: `false` when nothing more will come. */
  readonly live?: boolean;
  /** Control: which protocol the monitor speaks; absent: 1, the first. A newer one has more operations and events, never others. */
  readonly protocol?: number;
  /** Control: the monitor's process. */
  readonly pid?: number;
}

/**
 * What a process' stdio needs to survive the monitor: the daemon holds the same open, so that a terminal does not hang up,
 * stdin does not end and what is in a pipe is not lost while there is no monitor. Sent anew at each change.
 */
export interface Held {
  readonly containerId: string;
  readonly execId?: string | undefined;
  readonly pid: number;
  readonly startTime: string;
  /** FIFO to keep open for writing. */
  readonly input?: string | undefined;
  /** FIFOs to keep open for reading. */
  readonly outputs?: readonly string[];
  /** The monitor's descriptor of the terminal's master side, and the terminal's number to know it by. */
  readonly terminal?: { readonly fd: number; readonly number: number } | undefined;
}

/** What the daemon held while there was no monitor, as descriptors of the daemon. */
export interface Returned {
  readonly containerId: string;
  readonly execId?: string | undefined;
  readonly terminal?: number | undefined;
  readonly pidfd?: number | undefined;
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** An OCI runtime: the program, and where it keeps its state. */
export interface RuntimeProgram {
  readonly path: string;
  readonly root: string;
  /** `crun` or `runc`, whatever the file is called; anything else is known by its command line only. */
  readonly kind: string;
  /** Program and arguments to run it through. */
  readonly through?: readonly string[];
}

export interface CreateOperation {
  readonly op: 'create';
  readonly containerId: string;
  readonly bundleDir: string;
  readonly program: RuntimeProgram;
  readonly tty: boolean;
  readonly consoleSize?: Size | undefined;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly log: LogTarget;
  readonly cgroupPath: string;
  /** The container has no process namespace of its own: what it leaves behind must be ended with it. */
  readonly sharesPids: boolean;
}

export interface ExecOperation {
  readonly op: 'exec';
  readonly containerId: string;
  readonly execId: string;
  readonly program: RuntimeProgram;
  /** The OCI process, for `--process`. */
  readonly process: unknown;
  readonly tty: boolean;
  readonly consoleSize?: Size | undefined;
  readonly openStdin: boolean;
  readonly detach: boolean;
}

/** An exec is likely to follow at once. What is readied for it is dropped if none does. */
export interface PrepareOperation {
  readonly op: 'prepare';
  readonly containerId: string;
  readonly execId: string;
  readonly program: RuntimeProgram;
  readonly openStdin: boolean;
}

export type Operation =
  | CreateOperation
  | ExecOperation
  /** Since protocol 4. */
  | PrepareOperation
  /** Since protocol 3 also while the container's `create` is under way. */
  | { readonly op: 'start'; readonly containerId: string; readonly program: RuntimeProgram; readonly again?: boolean }
  | { readonly op: 'kill'; readonly containerId: string; readonly signal: number; readonly all: boolean }
  | { readonly op: 'forget'; readonly containerId: string }
  | { readonly op: 'abandon'; readonly containerId: string; readonly execId?: string | undefined }
  | { readonly op: 'resize'; readonly containerId: string; readonly execId?: string | undefined; readonly size: Size }
  | { readonly op: 'ack'; readonly exit: ExitRecord }
  | { readonly op: 'list' }
  /** To a new monitor, before `subscribe`. */
  | { readonly op: 'return'; readonly daemonPid: number; readonly items: readonly Returned[] }
  | { readonly op: 'subscribe' }
  | { readonly op: 'stop' };

export interface Request {
  readonly id: number;
  readonly operation: Operation;
}

export interface Running {
  readonly containerId: string;
  readonly pid: number;
  readonly execIds: readonly string[];
}

/** What an operation gives: `pid` of create and exec, `running` of list, `stopped` of stop. */
export interface Result {
  readonly pid?: number;
  readonly running?: readonly Running[];
  readonly stopped?: boolean;
}

/** A failed operation: `log` is what the OCI runtime said. */
export interface Failure {
  readonly message: string;
  readonly log?: string;
}

export type FromMonitor =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly failure: Failure }
  | { readonly exit: ExitRecord }
  | { readonly held: Held }
  /** Nothing has to be held for this process any more. */
  | { readonly released: { readonly containerId: string; readonly execId?: string | undefined } };

/** Names a container's own process, or one of its execs. */
export function keyOf(what: { readonly containerId: string; readonly execId?: string | undefined }): string {
  return what.execId === undefined ? what.containerId : `${what.containerId}/${what.execId}`;
}

/** Cuts a stream of text into lines, for protocols of a line each. */
export class LineSplitter {
  #rest = '';
  push(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines;
  }
}
