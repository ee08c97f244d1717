import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type CgroupHost, cgroupPids, removeCgroup } from '../linux/index.ts';
import type { RuntimeProgram } from './monitor/protocol.ts';

const ATTEMPTS = 50;
const PAUSE_MS = 10;

/** Ends runs of the OCI runtime that are at work on a container, by their command line. */
export function killRuntimes(program: RuntimeProgram, containerId: string): void {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const words = commandOf(pid);
    if (words.includes(containerId) && words.includes(program.root)) kill(pid);
  }
}

/** Kills what is left in a cgroup and removes it; dying takes the kernel a moment. `false`: something does not die. */
export async function endCgroup(host: CgroupHost, path: string): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (removeCgroup(host, path)) return true;
    for (const pid of cgroupPids(host, path)) kill(pid);
    await wait(PAUSE_MS);
  }
  return false;
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
