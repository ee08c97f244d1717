import { readdirSync, readFileSync } from 'node:fs';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';

/** The daemon, its monitor, and whatever else names the daemon's directory. */
export function processesOf(daemon: TestDaemon): { readonly name: string; readonly pssKib: number }[] {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes(daemon.directory)) continue;
      const name = /wharf[a-z-]*(?=\.[jt]s)/.exec(command)?.[0] ?? 'other';
      found.push({ name, pssKib: pssOf(pid) });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** Proportional memory of a process in KiB; none if it has ended. */
export function pssOf(pid: string): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Proportional memory of all of them, in MiB: what they have alone, and their share of what several have. */
export function pssMib(daemon: TestDaemon): number {
  return processesOf(daemon).reduce((sum, process) => sum + process.pssKib, 0) / 1024;
}
