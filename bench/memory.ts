import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';

/** Processes and memory that twenty idle containers cost beyond their own. */
export async function benchMemory(daemon: TestDaemon): Promise<void> {
  const before = ours(daemon);
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) {
    ids.push(
      execFileSync('docker', ['run', '-d', 'busybox', 'sleep', '1000'], { env: daemon.env, encoding: 'utf8' }).trim(),
    );
  }
  const after = ours(daemon);
  for (const process of after) console.log(`${process.name}: ${(process.pssKib / 1024).toFixed(1)} MiB PSS`);
  console.log(`20 containers: ${after.length - before.length} processes of ours more than with none`);
  execFileSync('docker', ['rm', '-f', ...ids], { env: daemon.env, stdio: 'ignore' });
}

/** The daemon, its monitor, and whatever else names the daemon's directory. */
function ours(daemon: TestDaemon): { readonly name: string; readonly pssKib: number }[] {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes(daemon.directory)) continue;
      const pss = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
      found.push({ name: command.includes('monitor') ? 'monitor' : 'wharfd', pssKib: Number(pss?.[1] ?? 0) });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}
