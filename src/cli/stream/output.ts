import type { Readable, Writable } from 'node:stream';
import { FrameParser, STREAM } from '../../core/frames.ts';

interface Sinks {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * Copies what a container writes to our own output until it ends: raw from a TTY, else frame by frame. Slow readers hold it up.
 * @throws {Error} `error from daemon in stream: ...`
 */
export async function copyOutput(source: Readable, tty: boolean, { stdout, stderr }: Sinks): Promise<void> {
  if (tty) {
    for await (const chunk of source) await write(stdout, chunk as Buffer);
    return;
  }
  const parser = new FrameParser();
  for await (const chunk of source) {
    for (const { stream, payload } of parser.push(chunk as Buffer)) {
      if (stream === STREAM.daemonError) throw new Error(`error from daemon in stream: ${payload.toString('utf8')}`);
      await write(stream === STREAM.stderr ? stderr : stdout, payload);
    }
  }
}

async function write(sink: Writable, bytes: Uint8Array): Promise<void> {
  if (sink.write(bytes)) return;
  await new Promise((resolve) => sink.once('drain', resolve));
}
