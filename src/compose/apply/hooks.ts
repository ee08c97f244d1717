import type { Client } from '../../client/index.ts';
import { FrameParser } from '../../core/frames.ts';
import { composeFailed } from '../errors.ts';
import type { Hook } from '../model/service.ts';

/** How much of a failed hook's output its error shows, in characters. */
const TAIL = 400;

/**
 * Runs commands in a running container, one after another. What they print goes to `output`.
 * @throws {WharfError} `COMPOSE_FAILED` when one ends with a code that is not 0
 */
export async function runHooks(
  client: Client,
  container: string,
  service: string,
  hooks: readonly Hook[],
  output: (text: Buffer) => void = () => undefined,
): Promise<void> {
  for (const hook of hooks) {
    const { Id } = await client.execs.create(container, {
      Cmd: [...hook.command],
      AttachStdout: true,
      AttachStderr: true,
      Env: Object.entries(hook.environment ?? {}).map(([k, v]) => (v === null ? k : `${k}=${v}`)),
      ...(hook.user === undefined ? {} : { User: hook.user }),
      ...(hook.privileged ? { Privileged: true } : {}),
      ...(hook.working_dir === undefined ? {} : { WorkingDir: hook.working_dir }),
    });
    const stream = await client.execs.start(Id, { Detach: false, Tty: false });
    let tail = '';
    const frames = new FrameParser();
    for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) {
      for (const { payload } of frames.push(chunk)) {
        output(payload);
        tail = `${tail}${payload.toString()}`.slice(-TAIL);
      }
    }
    const { ExitCode } = await client.execs.inspect(Id);
    if (ExitCode !== 0)
      throw composeFailed({
        message: `${service} hook exited with status ${ExitCode ?? 0}${tail === '' ? '' : `: ${tail.trim()}`}`,
      });
  }
}
