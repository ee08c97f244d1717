import type { Readable, Writable } from 'node:stream';
import type { Client } from '../client/index.ts';

/** Fields that a template may name; a function takes an argument (`.Label "x"`), other values are seen by `json`. */
export type FormatRow = Readonly<Record<string, (() => unknown) | ((key: string) => unknown)>>;

export interface FormatLayout {
  readonly headings: Readonly<Record<string, string>>;
  /** Fields of the usual table. */
  readonly columns: readonly string[];
}

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
  /**
   * Rows as `--format` says: a Go template for each, or `table TEMPLATE`.
   * @throws {Error} for a template that cannot be read or run
   */
  readonly formatRows?: (rows: readonly FormatRow[], layout: FormatLayout, format: string) => Promise<string>;
  /** Takes signals over until the returned function is called; without it a second Ctrl-C ends the program. */
  readonly onSignals?: (names: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void) => () => void;
}
