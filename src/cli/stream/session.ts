import type { Duplex } from 'node:stream';
import type { CliIo } from '../command.ts';
import { makeRaw } from './raw-terminal.ts';
import { DetachFilter, parseDetachKeys } from './detach-keys.ts';
import { copyOutput } from './output.ts';

interface SessionOptions {
  readonly stdin: boolean;
  readonly tty: boolean;
  /** The detach sequence; heeded with a TTY and stdin. */
  readonly detachKeys?: string | undefined;
}

const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/** Our terminal joined to a stream of the engine. */
export interface Session {
  /** Resolves when the engine's side has ended and everything is printed, or the user has detached. */
  readonly done: Promise<'ended' | 'detached'>;
  /** Gives the terminal back; idempotent. */
  readonly close: () => void;
}

/**
 * Joins stdin, stdout and stderr to a taken-over connection. With a TTY the terminal is raw, so that every key goes to the
 * container. The end of our input closes the container's, output goes on.
 */
export function openSession(stream: Duplex, io: CliIo, { stdin, tty, detachKeys }: SessionOptions): Session {
  let restore: (() => void) | undefined;
  let unpipe: (() => void) | undefined;
  const close = () => {
    unpipe?.();
    restore?.();
    unpipe = restore = undefined;
  };
  const detached = Promise.withResolvers<'detached'>();
  const filter = stdin && tty ? new DetachFilter(parseDetachKeys(detachKeys ?? DEFAULT_DETACH_KEYS)) : undefined;
  stream.on('error', () => undefined); // reading it reports the failure
  if (stdin) {
    const input = io.stdin;
    if (tty && input.isTTY === true) {
      restore = makeRaw(input);
    }
    const onData = (chunk: Uint8Array) => {
      const typed = filter?.push(chunk);
      const bytes = typed?.pass ?? chunk;
      const fits = !stream.writable || bytes.length === 0 || stream.write(bytes);
      if (typed?.detached === true) {
        close();
        detached.resolve('detached');
        stream.destroy();
        return;
      }
      if (fits) return;
      input.pause();
      stream.once('drain', () => input.resume());
    };
    const onEnd = () => stream.end();
    input.on('data', onData).once('end', onEnd).once('error', onEnd);
    unpipe = () => {
      input.off('data', onData).off('end', onEnd).off('error', onEnd);
      input.pause();
    };
  }
  const ended = copyOutput(stream, tty, io).then(
    () => 'ended' as const,
    (e: unknown) => {
      // The connection was reset by the engine going away, or by us when the user detached.
      if (stream.destroyed && (e as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE')
        return 'ended' as const;
      throw e;
    },
  );
  const done = Promise.race([detached.promise, ended]).finally(close);
  done.catch(() => undefined);
  return { done, close };
}

/**
 * Tells the engine the size of our terminal, now and at each change. The process may not have its terminal yet: the first
 * try is repeated a few times.
 * @returns a function that stops it
 */
export function followSize(io: CliIo, resize: (rows: number, columns: number) => Promise<void>): () => void {
  const { stdout } = io;
  if (stdout.isTTY !== true) return () => undefined;
  let stopped = false;
  const send = async () => {
    if (stdout.rows !== undefined && stdout.columns !== undefined) await resize(stdout.rows, stdout.columns);
  };
  const first = async () => {
    for (let attempt = 1; attempt <= 10 && !stopped; attempt++) {
      try {
        await send();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, attempt * 10));
      }
    }
  };
  const onResize = () => void send().catch(() => undefined);
  stdout.on('resize', onResize);
  void first();
  return () => {
    stopped = true;
    stdout.off('resize', onResize);
  };
}

/** Size of our terminal as rows and columns, `undefined` where there is none. */
export function consoleSize(io: CliIo): [number, number] | undefined {
  const { rows, columns, isTTY } = io.stdout;
  return isTTY === true && rows !== undefined && columns !== undefined ? [rows, columns] : undefined;
}

/** Signals worth passing on: not those about our own children and terminal, nor those that nobody can catch. */
const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGCONT',
];

/** Sends our signals on to a container. @returns a function that stops it */
export function proxySignals(io: CliIo, kill: (signal: string) => Promise<void>): () => void {
  return io.onSignals(FORWARDED, (name) => void kill(name).catch(() => undefined));
}
