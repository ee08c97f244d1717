import type { ContainerInspect } from '../../core/wire/container.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { consoleSize, followSize, openSession, proxySignals } from '../stream/session.ts';
import { detachKeysOf } from '../stream/detach-keys.ts';

export const attach = command({
  usage: '[OPTIONS] CONTAINER',
  arity: arity.exactly(1),
  examples: [['Leave again with Ctrl-P Ctrl-Q', 'wharf attach web']],
  options: {
    detachKeys: flag.string('--detach-keys', 'Override the key sequence for detaching a container'),
    noStdin: flag.bool('--no-stdin', 'Do not attach STDIN'),
    sigProxy: flag.bool('--sig-proxy', 'Proxy all received signals to the process', true),
  },
  async run({ args, options }, context) {
    const container = await context.client.containers.inspect(args[0] ?? '');
    refuseUnlessRunning(container);
    const stdin = !options.noStdin && container.Config.OpenStdin === true;
    return attachTo(
      container,
      { stdin, sigProxy: options.sigProxy, detachKeys: detachKeysOf(options, context) },
      context,
    );
  },
});

/** @throws {ExitError} in docker's words */
export function refuseUnlessRunning({ State }: ContainerInspect): void {
  if (!State.Running) throw new ExitError('You cannot attach to a stopped container, start it first', 1);
  if (State.Paused) throw new ExitError('You cannot attach to a paused container, unpause it first', 1);
  if (State.Restarting) {
    throw new ExitError('You cannot attach to a restarting container, wait until it is running', 1);
  }
}

interface AttachOptions {
  readonly stdin: boolean;
  readonly sigProxy: boolean;
  readonly detachKeys: string | undefined;
}

/**
 * Joins our terminal to a container until it ends, and resolves to its exit code.
 * @param begin called between waiting and showing: starts the container, where it is not running
 */
export async function attachTo(
  { Id: id, Config, HostConfig }: ContainerInspect,
  { stdin, sigProxy, detachKeys }: AttachOptions,
  context: CommandContext,
  begin?: () => Promise<void>,
): Promise<number> {
  const { client } = context;
  const tty = Config.Tty === true;
  if (tty && stdin && context.stdin.isTTY !== true) throw new ExitError('the input device is not a TTY', 1);
  using undo = new DisposableStack();
  const aborter = new AbortController();
  undo.defer(() => aborter.abort());
  if (sigProxy && !tty) undo.defer(proxySignals(context, (signal) => client.containers.kill(id, signal)));
  const stream = await client.containers.attach(id, {
    stdin,
    stdout: true,
    stderr: true,
    ...(detachKeys === undefined ? {} : { detachKeys }),
  });
  undo.defer(() => stream.destroy());
  const condition = begin === undefined ? 'not-running' : HostConfig.AutoRemove === true ? 'removed' : 'next-exit';
  const { done } = await client.containers.wait(id, condition, aborter.signal);
  const session = openSession(stream, context, { stdin, tty, detachKeys });
  undo.defer(session.close);
  await begin?.();
  if (tty) {
    // Another size for a moment: a program that runs already draws itself anew only at a change.
    const size = consoleSize(context);
    if (begin === undefined && size !== undefined) {
      await client.containers.resize(id, size[0] + 1, size[1] + 1).catch(() => undefined);
    }
    undo.defer(followSize(context, (rows, columns) => client.containers.resize(id, rows, columns)));
  }
  if ((await session.done) === 'detached') {
    if (begin !== undefined) return 0;
    context.warn('read escape sequence');
    return 1;
  }
  const { StatusCode, Error: failure } = await done;
  if (failure?.Message) context.warn(failure.Message);
  return StatusCode;
}
