import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { pssMib, pssOf, processesOf } from './processes.ts';
import { absolute } from './report.ts';

const CONTAINERS = 20;

/** What Wharf's processes hold with no container, beside a Node each that does nothing; what idle containers cost beyond their own. */
export async function benchMemory(daemon: TestDaemon): Promise<void> {
  const idle = processesOf(daemon);
  for (const { name, pssKib } of idle) console.log(`${name}: ${(pssKib / 1024).toFixed(1)} MiB PSS`);
  const floor = { name: `${idle.length} x node that does nothing`, value: idle.length * (await bareNodeMib()) };
  absolute('all processes of Wharf with no container', pssMib(daemon), 130, 'MiB PSS', floor);
  const ids: string[] = [];
  for (let i = 0; i < CONTAINERS; i++) {
    ids.push(
      execFileSync('docker', ['run', '-d', 'busybox', 'sleep', '1000'], { env: daemon.env, encoding: 'utf8' }).trim(),
    );
  }
  absolute(`processes of Wharf more with ${CONTAINERS} containers`, processesOf(daemon).length - idle.length, 0, '');
  execFileSync('docker', ['rm', '-f', ...ids], { env: daemon.env, stdio: 'ignore' });
}

async function bareNodeMib(): Promise<number> {
  const node = spawn(process.execPath, ['-e', "console.log('ready'); setInterval(() => {}, 1000)"]);
  try {
    await once(node.stdout, 'data');
    return pssOf(String(node.pid)) / 1024;
  } finally {
    node.kill('SIGKILL');
  }
}
