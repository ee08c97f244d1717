import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { CreateOperation, ExecOperation } from './protocol.ts';

/** What a later monitor must know to take up a process, in a file beside its FIFOs. */
export interface SavedState<O> {
  readonly operation: O;
  readonly pid: number;
  /** Names the process together with its number. */
  readonly startTime: string;
}

export type SavedContainer = SavedState<CreateOperation>;
export type SavedExec = SavedState<Omit<ExecOperation, 'process'>>;

export function saveState(path: string, state: SavedContainer | SavedExec): void {
  writeFileSync(`${path}.tmp`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** `undefined`: there is none, or none that can be read. */
export function readState<S extends SavedContainer | SavedExec>(path: string): S | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as S;
  } catch {
    return undefined;
  }
}
