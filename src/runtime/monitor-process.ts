import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf } from '../core/errors.ts';
import { PROTOCOL } from './monitor/protocol.ts';
import { monitorFailed } from './errors.ts';
import { MonitorClient, type MonitorEvents } from './monitor-client.ts';

const ATTEMPTS = 50;
const READY_FD = 3;

export function monitorSocket(execRoot: string): string {
  return join(execRoot, 'monitor.sock');
}

/**
 * Connects to the monitor of this exec root, starting one if none answers. It is in a session of its own and outlives the
 * caller; what it has to say goes to `monitor.log`. One of another version that holds no container is replaced.
 * @throws {WharfError} `MONITOR_FAILED`
 */
export async function connectMonitor(
  execRoot: string,
  command: readonly string[],
  events: MonitorEvents,
): Promise<{ readonly client: MonitorClient; readonly started: boolean }> {
  let started = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      const client = await MonitorClient.connect(monitorSocket(execRoot), events);
      if (client.protocol === PROTOCOL || !(await isReplaceable(client))) return { client, started };
      await client.closed;
    } catch (e) {
      if (errnoOf(e) !== 'ENOENT' && errnoOf(e) !== 'ECONNREFUSED') throw e;
    }
    started = (await startMonitor(execRoot, command)) || started;
    // Somebody else's is on its way up, or down: it holds the lock and does not answer yet, or any more.
    if (!started) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw monitorFailed({ message: `the monitor below "${execRoot}" does not answer` });
}

/** Ends it if it holds nothing. */
async function isReplaceable(client: MonitorClient): Promise<boolean> {
  const { stopped } = await client.call({ op: 'stop' });
  return stopped === true;
}

/** `false`: there is one already. */
async function startMonitor(execRoot: string, command: readonly string[]): Promise<boolean> {
  const [program, ...args] = command;
  if (program === undefined) throw new Error('no monitor command');
  const logPath = join(execRoot, 'monitor.log');
  const log = openSync(logPath, 'a', 0o600);
  try {
    const child = spawn(program, [...args, execRoot], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log, 'pipe'],
    });
    const word = await new Promise<string>((resolve, reject) => {
      const ready = child.stdio[READY_FD] as Readable;
      let text = '';
      ready.on('data', (chunk) => {
        text += String(chunk);
      });
      ready.once('close', () => resolve(text.trim()));
      child.once('error', reject);
    });
    child.unref();
    if (word === 'ready' || word === 'busy') return word === 'ready';
    throw monitorFailed({ message: `the monitor did not start: see "${logPath}"` });
  } finally {
    closeSync(log);
  }
}
