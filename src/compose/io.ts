import type { Readable, Writable } from 'node:stream';
import type { Client } from '../client/index.ts';

/** What `wharf compose` needs from its surroundings. */
export interface ComposeIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Connects when it is first needed: `config` works without an engine. */
  readonly connect: () => Client;
  /** Aborted at the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Runs another command of the CLI against the same engine, such as `stats ID`. */
  readonly engineCommand?: (args: readonly string[]) => Promise<number>;
  /** Takes signals over until the returned function is called; without it a second Ctrl-C ends the program. */
  readonly onSignals?: (names: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void) => () => void;
}
