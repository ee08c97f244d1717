import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { assertNothingLeft, takeCensus } from './census.ts';
import { usernsFlags } from './userns.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
export const wharfdPath = join(repository, 'bin/wharfd');
export const wharfPath = join(repository, 'bin/wharf');

/** A daemon of the test's own: own roots, own socket. */
export class TestDaemon {
  readonly directory: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly socket: string;
  /** For `DOCKER_HOST`. */
  readonly host: string;
  #child: ChildProcess | undefined;
  #log: string[] = [];
  readonly #extra: readonly string[];
  readonly #variables: NodeJS.ProcessEnv;
  readonly #program: string;

  /**
   * @param variables of the daemon's environment, beside the test's own
   * @param program another launcher than that of the sources
   */
  constructor(
    directory: string,
    extra: readonly string[],
    variables: NodeJS.ProcessEnv = {},
    program: string = wharfdPath,
  ) {
    this.directory = directory;
    this.dataRoot = join(directory, 'data');
    this.execRoot = join(directory, 'exec');
    this.socket = join(directory, 'wharf.sock');
    this.host = `unix://${this.socket}`;
    this.#extra = [...extra, ...usernsFlags(directory, extra)];
    this.#program = program;
    this.#variables = variables;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the daemon is not running');
    return pid;
  }

  /** It has ended, by itself or not; or was never started. */
  get hasEnded(): boolean {
    return this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What the daemon has said on stderr and stdout so far. */
  get log(): string {
    return this.#log.join('\n');
  }

  /** Environment for clients: the real docker CLI, ours, dockerode. */
  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DOCKER_HOST: this.host,
      WHARF_HOST: this.host,
      DOCKER_BUILDKIT: '0',
      DOCKER_CONFIG: join(this.directory, 'docker-config'),
      NO_COLOR: '1',
    };
  }

  /** Starts the process and resolves at its ready line. @throws {Error} with the log if it ends before */
  async start(): Promise<void> {
    const args = ['--host', this.host, '--data-root', this.dataRoot, '--exec-root', this.execRoot, '--group', 'root'];
    const env = { ...process.env, ...this.#variables };
    const child = spawn(this.#program, [...args, ...this.#extra], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const ready = Promise.withResolvers<void>();
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.push(line);
        if (line.includes('wharfd ready')) ready.resolve();
      });
    }
    child.once('exit', (code, signal) => ready.reject(new Error(`wharfd ended (${code ?? signal}):\n${this.log}`)));
    child.once('error', (e) => ready.reject(e));
    await ready.promise;
  }

  /** `kill -9`, as a crash would be: nothing is cleaned up. */
  async crash(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: containers are stopped, the monitor goes. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.hasEnded) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    this.#child = undefined;
  }
}

/**
 * Runs `body` with a fresh daemon; afterwards removes every container, network and volume, stops the daemon, and fails if
 * anything is left in the kernel or on the disk. `keepRoot` is for looking at a failure.
 */
export async function withDaemon(
  body: (daemon: TestDaemon) => Promise<void>,
  options: { readonly args?: readonly string[]; readonly variables?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-e2e-'));
  const census = { roots: [directory], instances: [instanceOf(join(realpathSync(directory), 'data'))] };
  const before = takeCensus(census);
  const args = ['--default-address-pool', 'base=10.213.0.0/16,size=24', ...(options.args ?? [])];
  const daemon = new TestDaemon(directory, args, options.variables);
  let failure: unknown;
  try {
    await daemon.start();
    await body(daemon);
  } catch (e) {
    failure = e;
    process.stderr.write(`--- log of the daemon ---\n${daemon.log.split('\n').slice(-60).join('\n')}\n---\n`);
  }
  try {
    await removeAll(daemon);
    await daemon.stop();
    assertNothingLeft(before, takeCensus(census));
  } catch (e) {
    failure ??= e;
    await daemon.stop().catch(() => undefined);
  } finally {
    if (process.env['WHARF_TEST_KEEP'] === undefined) rmSync(directory, { recursive: true, force: true });
  }
  if (failure !== undefined) throw failure;
}

/** The mark that a daemon puts on what it makes in the kernel. */
export function instanceOf(dataRoot: string): string {
  return createHash('sha256').update(dataRoot).digest('hex').slice(0, 6);
}

/** Removes every container, user network and volume through the API. */
async function removeAll(daemon: TestDaemon): Promise<void> {
  const { api } = await import('./http.ts');
  const containers = (await api(daemon.socket, 'GET', '/containers/json?all=1')) as { Id: string }[];
  for (const { Id } of containers) await api(daemon.socket, 'DELETE', `/containers/${Id}?force=1&v=1`);
  const networks = (await api(daemon.socket, 'GET', '/networks')) as { Id: string; Name: string }[];
  for (const { Id, Name } of networks) {
    if (!['bridge', 'host', 'none'].includes(Name)) await api(daemon.socket, 'DELETE', `/networks/${Id}`);
  }
  const volumes = (await api(daemon.socket, 'GET', '/volumes')) as { Volumes: { Name: string }[] | null };
  for (const { Name } of volumes.Volumes ?? []) await api(daemon.socket, 'DELETE', `/volumes/${Name}`);
}
