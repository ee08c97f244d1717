import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real ssh-agent with one key. */
export interface SshAgent extends AsyncDisposable {
  readonly socket: string;
  /** As `ssh-add -l` shows it. */
  readonly fingerprint: string;
}

export async function startAgent(): Promise<SshAgent> {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-agent-'));
  const socket = join(directory, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  const ended = once(agent, 'exit');
  while (!existsSync(socket)) await sleep(10);
  const key = join(directory, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'of-the-test', '-f', key]);
  execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
  const [, fingerprint = ''] = execFileSync('ssh-keygen', ['-l', '-f', key], { encoding: 'utf8' }).split(' ');
  return {
    socket,
    fingerprint,
    async [Symbol.asyncDispose]() {
      agent.kill();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
