import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync, statSync } from 'node:fs';

/** What the checks look at; behind it the real machine, or a test's. */
export interface Machine {
  /** Text of a file, `undefined` if it cannot be read. */
  readonly read: (path: string) => string | undefined;
  readonly exists: (path: string) => boolean;
  /** Runs a program for at most some seconds; `undefined` if it is not installed. */
  readonly run: (
    program: string,
    ...args: readonly string[]
  ) => { readonly code: number; readonly out: string } | undefined;
  /** Space of the file system that holds a path; `undefined` if it is not there. */
  readonly space: (
    path: string,
  ) => { readonly total: number; readonly free: number; readonly inodesFree: number } | undefined;
  readonly now: () => Date;
}

/** What one check found. */
export interface Finding {
  readonly state: 'ok' | 'note' | 'fail';
  /** `cgroups`, `network`: findings of one subject stand together. */
  readonly subject: string;
  readonly text: string;
  /** A command, or a sentence, that mends it. */
  readonly remedy?: string;
}

const TIMEOUT_MS = 5000;
/** Where root's programs are, for users whose PATH lacks them. */
const PROGRAM_FOLDERS = '/usr/local/sbin:/usr/sbin:/sbin';

export const thisMachine: Machine = {
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  exists: (path) => statSync(path, { throwIfNoEntry: false }) !== undefined,
  run: (program, ...args) => {
    const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:${PROGRAM_FOLDERS}` };
    const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: TIMEOUT_MS, env });
    if (error !== undefined) return undefined;
    return { code: status ?? 255, out: `${stdout}${stderr}` };
  },
  space: (path) => {
    try {
      const { bsize, blocks, bavail, ffree } = statfsSync(path);
      return { total: bsize * blocks, free: bsize * bavail, inodesFree: ffree };
    } catch {
      return undefined;
    }
  },
  now: () => new Date(),
};
