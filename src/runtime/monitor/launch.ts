import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConsoleSocket } from '../../linux/index.ts';
import type { ProcessIo } from './process-io.ts';
import type { Failure, RuntimeProgram, Size } from './protocol.ts';
import type { Reaper } from './reaper.ts';

export interface LauncherParts {
  readonly reaper: Reaper;
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

/** Starts a process through the OCI runtime, its stdio connected. */
export async function launch(
  parts: LauncherParts,
  io: ProcessIo,
  operation: { readonly tty: boolean; readonly consoleSize?: Size | undefined },
  program: RuntimeProgram,
  directory: string,
  command: readonly string[],
  rest: readonly string[],
): Promise<number> {
  const pidFile = join(directory, 'pid');
  const log = join(directory, 'log.json');
  const args = [...command, '--pid-file', pidFile];
  const stdio = io.open();
  if (operation.tty) {
    const terminal = new ConsoleSocket(join(parts.socketDirectory, String(++sockets)));
    try {
      const received = terminal.receive();
      received.catch(() => undefined); // the runtime's own failure says more
      await runRuntime(parts.reaper, program, log, [...args, '--console-socket', terminal.path, ...rest], stdio);
      io.connectTerminal(await received, operation.consoleSize);
    } finally {
      terminal.close();
    }
  } else {
    await runRuntime(parts.reaper, program, log, [...args, ...rest], stdio);
    io.connect();
  }
  return Number(readFileSync(pidFile, 'utf8'));
}

/** Runs the OCI runtime to its end. @throws {RuntimeRefusal} */
export async function runRuntime(
  reaper: Reaper,
  program: RuntimeProgram,
  log: string,
  args: readonly string[],
  stdio: (number | 'ignore')[],
): Promise<void> {
  const all = ['--root', program.root, '--log', log, '--log-format', 'json', ...args];
  const [first = program.path, ...rest] = [...(program.through ?? []), program.path, ...all];
  const code = await reaper.run(first, rest, stdio);
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
