import type { Readable, Writable } from 'node:stream';
import type { Client } from '../client/index.ts';
import type { ConfigFile } from './config/config-file.ts';
import type { Flags, Parsed } from './flags.ts';

/** What a command needs from its surroundings. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Path of the program that was called, for files that are to call it again. */
  readonly program: string;
  /** Aborted at the first Ctrl-C, unless the command takes signals itself. */
  readonly signal: AbortSignal;
  /** Hands signals to the listener instead of letting them end the program; the result undoes that. */
  readonly onSignals: (names: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void) => () => void;
}

export interface CommandContext extends CliIo {
  /** Connects when it is first used. */
  readonly client: Client;
  /** `config.json`; read when it is first used, empty if it cannot be (that is said once). */
  readonly config: ConfigFile;
  /** The context in use; `default` for a host given by flag or variable. */
  readonly contextName: string;
  /** `wharf run`, as it was typed: for errors. */
  readonly path: string;
  /** Writes to stdout; waits while it is full. */
  readonly print: (text: string) => Promise<void>;
  /** Writes a line to stderr. */
  readonly warn: (line: string) => void;
}

export interface Arity {
  readonly min: number;
  readonly max: number;
}

/** How many arguments a command takes. */
export const arity = {
  none: { min: 0, max: 0 },
  any: { min: 0, max: Infinity },
  exactly: (n: number): Arity => ({ min: n, max: n }),
  atLeast: (n: number): Arity => ({ min: n, max: Infinity }),
  atMost: (n: number): Arity => ({ min: 0, max: n }),
  between: (min: number, max: number): Arity => ({ min, max }),
};

export interface Command<F extends Flags = Flags> {
  /** What follows the command's name: `[OPTIONS] IMAGE`. */
  readonly usage: string | readonly string[];
  readonly arity: Arity;
  readonly options: F;
  /** Whether options may follow arguments; true unless said otherwise. */
  readonly interspersed?: boolean;
  /** More help, between the summary and the options. */
  readonly description?: string;
  /** What it does in a few words, and the line to type. */
  readonly examples?: readonly (readonly [what: string, line: string])[];
  /** Resolves to the exit code. */
  readonly run: (parsed: Parsed<F>, context: CommandContext) => Promise<number>;
}

/** Declares a command; only for its types. */
export function command<F extends Flags>(definition: Command<F>): Command<F> {
  return definition;
}
