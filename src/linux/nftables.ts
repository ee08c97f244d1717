import type { SpawnSyncReturns } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import { libc } from './ffi.ts';

const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const fcntl = libc.func('int fcntl(int fd, int command, int argument)');

/** nft refused commands; the message is what it said, the first line. */
class NftError extends Error {
  override readonly name = 'NftError';
}

interface Library {
  readonly create: (flags: number) => unknown;
  readonly free: (context: unknown) => void;
  readonly bufferOutput: (context: unknown) => number;
  readonly bufferError: (context: unknown) => number;
  readonly output: (context: unknown) => string | null;
  readonly error: (context: unknown) => string | null;
  readonly setOutputFlags: (context: unknown, flags: number) => void;
  readonly run: (context: unknown, commands: string) => number;
}

/** Used where the library is missing. */
const PROGRAM = 'nft';
const SETPRIV = '/usr/bin/setpriv';
const OUTPUT_JSON = 1 << 4;
let library: Library | null | undefined;

/**
 * The firewall of one network namespace: the one that the thread was in at `new`. In this process through libnftables, or by
 * the `nft` program where the library is missing (then in the namespace of the call).
 */
export class Nft implements Disposable {
  #context: unknown = undefined;

  /** @param options `library: false` makes it use the program in any case */
  constructor(options: { readonly library?: boolean } = {}) {
    const nft = loadLibrary();
    if (nft === null || options.library === false) return;
    this.#context = closedOnExec(() => nft.create(0));
    if (this.#context === null) throw new NftError('nft: no context could be made');
    nft.bufferOutput(this.#context);
    nft.bufferError(this.#context);
  }

  /**
   * Runs commands in nft's language as one transaction: all take effect, or none. Gives what they print.
   * @throws {NftError} with nft's words
   */
  run(commands: string, options: { readonly json?: boolean } = {}): string {
    const nft = loadLibrary();
    if (nft === null || this.#context === undefined) return runProgram(commands, options.json ?? false);
    nft.setOutputFlags(this.#context, options.json ? OUTPUT_JSON : 0);
    const result = nft.run(this.#context, commands);
    const output = nft.output(this.#context) ?? '';
    const error = nft.error(this.#context) ?? '';
    if (result !== 0) throw new NftError(`nft: ${firstLine(error)}`);
    return output;
  }

  [Symbol.dispose](): void {
    if (this.#context !== undefined) loadLibrary()?.free(this.#context);
    this.#context = undefined;
  }
}

/** The library's sockets are inherited by every program that is started, unless each is marked. */
function closedOnExec<T>(open: () => T): T {
  const before = new Set(inheritedDescriptors());
  const result = open();
  for (const fd of inheritedDescriptors()) {
    if (!before.has(fd)) fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return result;
}

function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fcntl(fd, F_GETFD, 0) === 0);
}

function runProgram(commands: string, json: boolean): string {
  // From a file: nft opens /dev/stdin by name, which fails on the socket that Node makes of it; arguments are too short.
  const directory = mkdtempSync(join(tmpdir(), 'nft-'));
  const file = join(directory, 'commands');
  let result: SpawnSyncReturns<string>;
  try {
    writeFileSync(file, commands);
    result = spawnSync(PROGRAM, [...(json ? ['-j'] : []), '-f', file], { encoding: 'utf8' });
  } finally {
    rmSync(directory, { recursive: true });
  }
  if (result.pid) ownProcesses.add(result.pid);
  if (result.error) throw new NftError(`nft: ${result.error.message}`, { cause: result.error });
  if (result.status !== 0) throw new NftError(`nft: ${firstLine(result.stderr).replace(`${file}:`, 'internal:')}`);
  return result.stdout;
}

/** Processes of this engine that have changed the firewall. */
const ownProcesses = new Set<number>([process.pid]);

/** Counts a process that was started to change the firewall as one of ours. */
export function ownFirewallProcess(pid: number): void {
  ownProcesses.add(pid);
}

/** A change of the firewall by somebody else. */
export interface FirewallChange {
  /** `nft (pid 12)`. */
  readonly by: string;
  /** What was added and deleted, in nft's language. */
  readonly text: string;
}

/**
 * Tells of every change that others make to the firewall of this namespace, as it happens. Needs the `nft` program, which
 * prints the kernel's notices; it does not keep this process alive, and ends with it. `onEnd`: nothing more will be told.
 */
export function watchFirewall(onChange: (change: FirewallChange) => void, onEnd: (why: string) => void): Disposable {
  const command = [PROGRAM, '-n', 'monitor'];
  // Killed with -9 we cannot end it: the kernel does.
  if (existsSync(SETPRIV)) command.unshift(SETPRIV, '--pdeathsig', 'KILL');
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
  let lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    const parts = (rest + data).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      const end = /^# new generation \d+ by process (\d+) \((.*)\)$/.exec(line);
      if (end === null) {
        lines.push(line);
        continue;
      }
      const text = lines.join('\n');
      lines = [];
      const pid = Number(end[1]);
      if (!ownProcesses.has(pid)) onChange({ by: `${end[2]} (pid ${pid})`, text });
    }
  });
  child.once('error', (error) => onEnd(error.message));
  child.once('exit', (code, signal) => onEnd(`nft monitor ended (${code ?? signal})`));
  child.unref();
  (child.stdout as Partial<{ unref(): void }>).unref?.();
  return {
    [Symbol.dispose]() {
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
    },
  };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] || 'failed without a word';
}

function loadLibrary(): Library | null {
  if (library !== undefined) return library;
  try {
    const lib = koffi.load('libnftables.so.1');
    library = {
      create: lib.func('void *nft_ctx_new(uint32_t flags)'),
      free: lib.func('void nft_ctx_free(void *context)'),
      bufferOutput: lib.func('int nft_ctx_buffer_output(void *context)'),
      bufferError: lib.func('int nft_ctx_buffer_error(void *context)'),
      output: lib.func('const char *nft_ctx_get_output_buffer(void *context)'),
      error: lib.func('const char *nft_ctx_get_error_buffer(void *context)'),
      setOutputFlags: lib.func('void nft_ctx_output_set_flags(void *context, unsigned int flags)'),
      run: lib.func('int nft_run_cmd_from_buffer(void *context, const char *commands)'),
    };
  } catch {
    library = null;
  }
  return library;
}
