import { closeSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ConsoleSocket, openPipe } from '../../linux/index.ts';
import type { ProcessIo } from './process-io.ts';
import type { Failure, RuntimeProgram, Size } from './protocol.ts';
import type { Reaper, Run } from './reaper.ts';
import type { SealedPrograms } from './sealed-programs.ts';

export interface LauncherParts {
  readonly reaper: Reaper;
  readonly programs: SealedPrograms;
  /** For sockets, whose names must be short. */
  readonly socketDirectory: string;
}

/** Names of console sockets: never the same twice in a process. */
let sockets = 0;

/** The OCI runtime refused. */
export class RuntimeRefusal extends Error {
  override readonly name = 'RuntimeRefusal';
  readonly failure: Failure;
  constructor(message: string, log: string) {
    super(message);
    this.failure = { message, log };
  }
}

/** A process on its way: the OCI runtime is at work on it. */
export interface Launch {
  /** The process is there, its stdio connected. Gives its number. @throws {RuntimeRefusal} */
  finish(size: Size | undefined): Promise<number>;
  /** Ends the runtime before it has finished. */
  cancel(): void;
}

/** Where a runtime finds the descriptor that it is given behind its stdio. */
export const FOURTH_DESCRIPTOR = '/proc/self/fd/3';

/**
 * Starts a process through the OCI runtime.
 * @param more a descriptor for the runtime, at `FOURTH_DESCRIPTOR`
 */
export function launch(
  parts: LauncherParts,
  io: ProcessIo,
  tty: boolean,
  program: RuntimeProgram,
  directory: string,
  command: readonly string[],
  rest: readonly string[],
  more?: number,
): Launch {
  const pidFile = join(directory, 'pid');
  const log = join(directory, 'log.json');
  const stdio = more === undefined ? io.open() : [...io.open(), more];
  const terminal = tty ? new ConsoleSocket(join(parts.socketDirectory, String(++sockets))) : undefined;
  const received = terminal?.receive();
  received?.catch(() => undefined); // the runtime's own failure says more
  const console = terminal === undefined ? [] : ['--console-socket', terminal.path];
  const args = [...command, '--pid-file', pidFile, ...console, ...rest];
  let run: Run;
  try {
    run = begin(parts, program, log, args, stdio);
  } catch (e) {
    terminal?.close();
    throw e;
  }
  const over = succeeded(run, program, log, args);
  over.catch(() => undefined); // told to whoever finishes
  return {
    async finish(size) {
      try {
        await over;
        if (received === undefined) io.connect();
        else io.connectTerminal(await received, size);
      } finally {
        terminal?.close();
      }
      return Number(readFileSync(pidFile, 'utf8'));
    },
    cancel() {
      terminal?.close();
      run.kill();
    },
  };
}

/** What fits into a pipe that nobody reads yet. */
const MOST_TOLD_BYTES = 65536;

/** The runtime has begun, and waits to be told what to run. */
export interface Waiting {
  readonly launch: Launch;
  /** `false`: it cannot be told, and was ended. */
  tell(text: string): boolean;
  cancel(): void;
}

/**
 * Has a launch wait for the document at `FOURTH_DESCRIPTOR` until it is told: all that comes before happens meanwhile. Should
 * this process die, the runtime reads an empty document and refuses.
 */
export function launchWaiting(start: (document: number) => Launch): Waiting {
  const pipe = openPipe();
  let launched: Launch;
  try {
    launched = start(pipe.read);
  } catch (e) {
    closeSync(pipe.write);
    throw e;
  } finally {
    closeSync(pipe.read);
  }
  const cancel = (): void => {
    launched.cancel();
    closeSync(pipe.write);
  };
  return {
    launch: launched,
    tell(text) {
      const bytes = Buffer.from(text);
      if (bytes.length > MOST_TOLD_BYTES) {
        cancel();
        return false;
      }
      try {
        writeSync(pipe.write, bytes);
      } catch {
        // It has ended already; what it said of that is told by the launch.
      }
      closeSync(pipe.write);
      return true;
    },
    cancel,
  };
}

/** Runs the OCI runtime to its end. @throws {RuntimeRefusal} */
export async function runRuntime(
  parts: Pick<LauncherParts, 'reaper' | 'programs'>,
  program: RuntimeProgram,
  log: string,
  args: readonly string[],
  stdio: (number | 'ignore')[],
): Promise<void> {
  await succeeded(begin(parts, program, log, args, stdio), program, log, args);
}

function begin(
  { reaper, programs }: Pick<LauncherParts, 'reaper' | 'programs'>,
  program: RuntimeProgram,
  log: string,
  args: readonly string[],
  stdio: (number | 'ignore')[],
): Run {
  const all = ['--root', program.root, '--log', log, '--log-format', 'json', ...args];
  const [first, ...through] = program.through ?? [];
  if (first !== undefined) return reaper.begin(first, [...through, program.path, ...all], stdio);
  return reaper.begin(programs.pathOf(program), all, stdio, program.path);
}

async function succeeded(run: Run, program: RuntimeProgram, log: string, args: readonly string[]): Promise<void> {
  const code = await run.code;
  if (code === 0) return;
  throw new RuntimeRefusal(`${program.path} ${args[0]} ended with ${code}`, readIfThere(log));
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
