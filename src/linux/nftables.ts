import type { SpawnSyncReturns } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import { libc } from './ffi.ts';
import { FD_SETSIZE } from './process.ts';

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
const OUTPUT_JSON = 1 << 4;
let library: Library | null | undefined;

/**
 * The firewall of one network namespace: the one that the thread was in at `new`. In this process through libnftables, or by
 * the `nft` program where the library is missing or cannot be used, as too many files are open (then in the namespace of
 * the call).
 */
export class Nft implements Disposable {
  #context: unknown = undefined;

  /** @param options `library: false` makes it use the program in any case */
  constructor(options: { readonly library?: boolean } = {}) {
    const nft = loadLibrary();
    if (nft === null || options.library === false) return;
    const { result, fds } = closedOnExec(() => nft.create(0));
    if (result === null) throw new NftError('nft: no context could be made');
    if (fds.some((fd) => fd >= FD_SETSIZE)) {
      // The library waits by select(2), which would end this process.
      nft.free(result);
      return;
    }
    this.#context = result;
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
function closedOnExec<T>(open: () => T): { readonly result: T; readonly fds: readonly number[] } {
  const before = new Set(inheritedDescriptors());
  const result = open();
  const fds = inheritedDescriptors().filter((fd) => !before.has(fd));
  for (const fd of fds) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return { result, fds };
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
  if (result.status !== 0) throw new NftError(`nft: ${firstLine(result.stderr)}`);
  return result.stdout;
}

/** Processes of this engine that have changed the firewall. */
const ownProcesses = new Set<number>([process.pid]);

/** Counts a process that was started to change the firewall as one of ours. */
export function ownFirewallProcess(pid: number): void {
  ownProcesses.add(pid);
}

/** Whether a process is this engine, or one that it started to change the firewall. */
export function isOwnFirewallProcess(pid: number): boolean {
  return ownProcesses.has(pid);
}

function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  // Where in the commands it stood is no help: they are ours.
  return line.replace(/^\S+:\d+:\d+-\d+: /, '') || 'failed without a word';
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
