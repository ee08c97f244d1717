import { execFileSync } from 'node:child_process';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { processesOf } from './processes.ts';

/** Processes and memory that twenty idle containers cost beyond their own. */
export async function benchMemory(daemon: TestDaemon): Promise<void> {
  const before = processesOf(daemon);
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) {
    ids.push(
      execFileSync('docker', ['run', '-d', 'busybox', 'sleep', '1000'], { env: daemon.env, encoding: 'utf8' }).trim(),
    );
  }
  const after = processesOf(daemon);
  for (const process of after) console.log(`${process.name}: ${(process.pssKib / 1024).toFixed(1)} MiB PSS`);
  console.log(`20 containers: ${after.length - before.length} processes of ours more than with none`);
  execFileSync('docker', ['rm', '-f', ...ids], { env: daemon.env, stdio: 'ignore' });
}
