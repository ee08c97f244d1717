import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { wharfPath } from './installed.ts';

export interface Registry {
  readonly host: string;
  /** Bytes that it has written so far, to clients and files. */
  sent(): number;
  stop(): Promise<void>;
}

/**
 * Wharf's own registry, on loopback.
 * @param where in which network: what to put before its command; and at which address
 */
export async function startRegistry(
  data: string,
  where: { readonly inNetwork: readonly string[]; readonly registry: string } = {
    inNetwork: [],
    registry: '127.0.0.1:0',
  },
): Promise<Registry> {
  const { inNetwork, registry } = where;
  const command = [...inNetwork, wharfPath, 'registry', 'serve', '--data', data, '--listen', registry] as const;
  const child = spawn('env', command, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  const sent = (): number => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${child.pid}/io`, 'utf8'))?.[1] ?? 0);
  return { sent, host: /http:\/\/(\S+)/.exec(line)?.[1] ?? '', stop };
}
