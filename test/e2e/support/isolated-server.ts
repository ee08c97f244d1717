import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A server of somebody else's that runs apart from the machine. */
export interface IsolatedServer {
  /** What to put before a command so that it runs in the server's network. */
  readonly inNetwork: readonly string[];
  /** What it says on stderr: more is added as it comes. */
  readonly log: readonly string[];
}

/**
 * Runs `body` beside a server in network, mount and process namespaces of its own, so that it touches nothing of the machine
 * and everything that it started ends with it.
 * @param command run by a shell in these namespaces, which hands over to the server with `exec`
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
  const child = spawn('unshare', [...isolated, 'sh', '-ec', `ip link set lo up\n${script}`, 'sh', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const log = await ready(child, listening);
    await body({ log, inNetwork: ['nsenter', `--net=/proc/${serverOf(child)}/ns/net`] });
  } finally {
    await end(child);
  }
}

/** Resolves when it listens, with the lines it says. */
async function ready(child: ChildProcess, word: string): Promise<readonly string[]> {
  const log: string[] = [];
  const listening = Promise.withResolvers<void>();
  assert.ok(child.stderr);
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line);
    if (line.includes(word)) listening.resolve();
  });
  child.once('error', listening.reject);
  child.once('exit', (code, signal) => {
    listening.reject(new Error(`it ended (${code ?? signal}):\n${log.slice(-20).join('\n')}`));
  });
  await listening.promise;
  return log;
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
export function removeCgroups(name: string): void {
  for (const hierarchy of readdirSync('/sys/fs/cgroup')) removeGroup(join('/sys/fs/cgroup', hierarchy, name));
  removeGroup(join('/sys/fs/cgroup', name));
}

function removeGroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(path, entry.name));
  }
  rmdirSync(path);
}
