import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  watch,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf } from '../../../src/core/errors.ts';

const ATTEMPTS = 100;

/** A server of somebody else's that runs apart from the machine. */
export interface IsolatedServer {
  /** What to put before a command so that it runs in the server's network. */
  readonly inNetwork: readonly string[];
  /** What it has said on stderr so far. */
  readonly log: readonly string[];
}

/**
 * Runs `body` beside a server in network, mount and process namespaces of its own, so that it touches nothing of the machine
 * and everything that it started ends with it.
 * @param command run by a shell in these namespaces, which hands over to the server or waits for it
 * @param listening what a line of its log has when it can be asked
 * @throws {Error} with its log if it does not start
 */
export async function withIsolatedServer(
  command: readonly [script: string, ...args: string[]],
  env: NodeJS.ProcessEnv,
  listening: string,
  body: (server: IsolatedServer) => Promise<void>,
): Promise<void> {
  // --kill-child: should the test be killed, the kernel ends the process namespace, and all that lives in it.
  const isolated = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
  const [script, ...args] = command;
  const directory = mkdtempSync(join(tmpdir(), 'isolated-'));
  const file = join(directory, 'log');
  // Not a pipe: who waits for a client meanwhile does not read it, and a server with a full one stops.
  const stderr = openSync(file, 'a');
  const child = spawn('unshare', [...isolated, 'sh', '-ec', `ip link set lo up\n${script}`, 'sh', ...args], {
    env,
    stdio: ['ignore', 'ignore', stderr],
  });
  closeSync(stderr);
  const said = (): string[] => readFileSync(file, 'utf8').split('\n');
  try {
    await ready(child, file, () => said().some((line) => line.includes(listening)));
    await body({
      get log() {
        return said();
      },
      inNetwork: ['nsenter', `--net=/proc/${serverOf(child)}/ns/net`],
    });
  } finally {
    await end(child);
    rmSync(directory, { recursive: true });
  }
}

/** Resolves when it listens. */
async function ready(child: ChildProcess, file: string, isListening: () => boolean): Promise<void> {
  const listening = Promise.withResolvers<void>();
  const look = (): void => {
    if (isListening()) listening.resolve();
  };
  const watcher = watch(file, look);
  child.once('error', listening.reject);
  child.once('exit', (code, signal) => {
    const last = readFileSync(file, 'utf8').split('\n').slice(-20).join('\n');
    listening.reject(new Error(`it ended (${code ?? signal}):\n${last}`));
  });
  look();
  try {
    await listening.promise;
  } finally {
    watcher.close();
  }
}

/** The one child of `unshare`. */
function serverOf(child: ChildProcess): number {
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
}

/** Ends the server, which is the first process of its namespace: the kernel ends the others with it, before it is reaped. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(serverOf(child), 'SIGKILL');
  await ended;
}

/** Removes a group that a server's containers were in, from every hierarchy. */
export async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of readdirSync('/sys/fs/cgroup')) await removeGroup(join('/sys/fs/cgroup', hierarchy, name));
  await removeGroup(join('/sys/fs/cgroup', name));
}

async function removeGroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(path, entry.name));
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return rmdirSync(path);
    } catch (e) {
      // The kernel counts processes in there for a moment after their end.
      if (errnoOf(e) !== 'EBUSY' || attempt === ATTEMPTS) throw e;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
