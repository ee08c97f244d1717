import type { Readable } from 'node:stream';
import { FrameParser, STREAM } from '../../core/frames.ts';
import type { LogPrinter } from '../output/log-printer.ts';

/** Prints a container's output, framed or (TTY) raw, until the stream ends. */
export async function printOutput(
  stream: Readable,
  tty: boolean,
  printer: LogPrinter,
  name: string,
  options: { readonly mergeStderr?: boolean } = {},
): Promise<void> {
  const out = printer.source(name, 'stdout');
  const err = options.mergeStderr ? out : printer.source(name, 'stderr');
  const frames = new FrameParser();
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (tty) out.push(chunk);
      else
        for (const { stream: from, payload } of frames.push(chunk)) (from === STREAM.stderr ? err : out).push(payload);
    }
  } catch (e) {
    if (
      !(e instanceof Error) ||
      !['AbortError', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes((e as NodeJS.ErrnoException).code ?? e.name)
    )
      throw e;
  } finally {
    out.end();
    if (err !== out) err.end();
  }
}
