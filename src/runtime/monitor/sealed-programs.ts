import { closeSync, readFileSync, statSync } from 'node:fs';
import { openSealedCopy } from '../../linux/index.ts';
import type { RuntimeProgram } from './protocol.ts';

const ELF = Buffer.from('\x7fELF', 'latin1');

interface Copy {
  /** Names the content of the file that was copied. */
  readonly version: string;
  /** `undefined`: it cannot be run as a copy. */
  readonly fd: number | undefined;
}

/**
 * Copies of OCI runtimes in sealed memory. crun and runc refuse to run from a file that a container could overwrite by way of
 * /proc/PID/exe (CVE-2019-5736): they make such a copy of themselves and start anew from it, which takes a third of an exec.
 * Started from a sealed copy they see that they need not.
 */
export class SealedPrograms {
  readonly #copies = new Map<string, Copy>();

  /** What to run for a program: its copy, made anew when the file has changed; the file itself where there can be none. */
  pathOf({ path, kind }: RuntimeProgram): string {
    if (kind !== 'crun' && kind !== 'runc') return path;
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return path;
    const version = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join();
    let copy = this.#copies.get(path);
    if (copy?.version !== version) {
      if (copy?.fd !== undefined) closeSync(copy.fd);
      copy = { version, fd: copyOf(path) };
      this.#copies.set(path, copy);
    }
    return copy.fd === undefined ? path : `/proc/self/fd/${copy.fd}`;
  }
}

function copyOf(path: string): number | undefined {
  try {
    // A script would be read by its interpreter, which does not get the descriptor.
    return readFileSync(path).subarray(0, ELF.length).equals(ELF) ? openSealedCopy(path) : undefined;
  } catch {
    return undefined;
  }
}
