import type { Duplex } from 'node:stream';
import type { Writable } from 'node:stream';
import { FrameParser, STREAM } from '../../core/frames.ts';
import type { ComposeIo } from '../io.ts';

/** A terminal that can be switched to raw keys; what `process.stdin` is when it is one. */
interface RawInput {
  setRawMode?(raw: boolean): unknown;
}

/**
 * Connects this process's stdio with a taken-over connection until the other side closes it.
 * With a TTY keys go through as they are, and the size of the window follows by `resize`.
 */
export async function interact(
  stream: Duplex,
  io: ComposeIo,
  options: {
    readonly tty: boolean;
    readonly stdin: boolean;
    readonly resize?: (rows: number, columns: number) => Promise<void>;
  },
): Promise<void> {
  const stdin = io.stdin as typeof io.stdin & RawInput;
  const raw = options.tty && options.stdin && stdin.isTTY === true;
  const terminal = io.stdout as Writable & { rows?: number; columns?: number };
  const resize = (): void => {
    if (terminal.rows !== undefined && terminal.columns !== undefined)
      options.resize?.(terminal.rows, terminal.columns).catch(() => undefined);
  };
  if (raw) stdin.setRawMode?.(true);
  if (options.tty) {
    terminal.on('resize', resize);
    resize();
  }
  if (options.stdin) stdin.pipe(stream);
  // Without input there is nothing to half-close: the stream stays open for output.
  const frames = new FrameParser();
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (options.tty) await write(io.stdout, chunk);
      else
        for (const { stream: from, payload } of frames.push(chunk))
          await write(from === STREAM.stderr ? io.stderr : io.stdout, payload);
    }
  } finally {
    terminal.off('resize', resize);
    if (options.stdin) {
      stdin.unpipe(stream);
      stdin.pause();
    }
    if (raw) stdin.setRawMode?.(false);
    stream.destroy();
  }
}

async function write(out: Writable, chunk: Buffer): Promise<void> {
  if (!out.write(chunk)) await new Promise<void>((resolve) => out.once('drain', resolve));
}
