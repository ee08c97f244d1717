import { ApiError } from '../../client/index.ts';
import { arity, command } from '../command.ts';
import { createContainer, runFailure } from '../create-container.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { CONTAINER_FLAGS } from '../spec/container-flags.ts';
import { followSize, openSession, proxySignals } from '../stream/session.ts';
import type { CommandContext } from '../command.ts';
import { detachKeysOf } from '../stream/detach-keys.ts';

export const run = command({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  arity: arity.atLeast(1),
  examples: [
    ['A shell in a container that is removed when it ends', 'wharf run --rm -it debian bash'],
    ['A web server in the background, its port 80 as 8080 here', 'wharf run -d --name web -p 8080:80 nginx'],
    ['A folder of yours in it, and a variable', 'wharf run --rm -v "$PWD":/data -e MODE=test debian ls /data'],
  ],
  interspersed: false,
  options: {
    ...CONTAINER_FLAGS,
    detach: flag.bool('-d, --detach', 'Run container in background and print container ID'),
    detachKeys: flag.string('--detach-keys', 'Override the key sequence for detaching a container'),
    sigProxy: flag.bool('--sig-proxy', 'Proxy received signals to the process', true),
  },
  async run(parsed, context) {
    const { options } = parsed;
    const { client, path } = context;
    if (options.detach && options.attach.length > 0) {
      throw runFailure(new Error('conflicting options: cannot specify both --attach and --detach'), path);
    }
    if (!options.detach && options.tty && options.interactive && context.stdin.isTTY !== true) {
      throw new ExitError('the input device is not a TTY', 1);
    }
    const { id, request } = await createContainer(parsed, context, options.detach, 'run');
    if (options.detach) {
      // Its ID is told even if it cannot be started: it is there all the same.
      const failure = await client.containers.start(id).then(
        () => undefined,
        (e: unknown) => runFailure(e, path),
      );
      await context.print(`${id}\n`);
      if (failure !== undefined) throw failure;
      return 0;
    }
    if (request.AttachStdin || request.AttachStdout || request.AttachStderr) {
      return attachedRun(id, request, { ...options, detachKeys: detachKeysOf(options, context) }, context);
    }
    return unattachedRun(id, options.rm, context);
  },
});

interface Attachment {
  readonly rm: boolean;
  readonly sigProxy: boolean;
  readonly detachKeys: string | undefined;
}

/** Attach, wait, start, in this order: so that neither output nor exit code of a container that lives a moment is lost. */
async function attachedRun(
  id: string,
  request: { AttachStdin?: boolean; AttachStdout?: boolean; AttachStderr?: boolean; Tty?: boolean },
  options: Attachment,
  context: CommandContext,
): Promise<number> {
  const { client, path } = context;
  const tty = request.Tty === true;
  const aborter = new AbortController();
  using undo = new DisposableStack();
  undo.defer(() => aborter.abort());
  const left = Promise.withResolvers<'detached'>();
  if (!tty) {
    // Without --sig-proxy Ctrl-C leaves the container alone: it only ends our looking at it.
    undo.defer(
      options.sigProxy
        ? proxySignals(context, (signal) => client.containers.kill(id, signal))
        : context.onSignals(['SIGINT'], () => left.resolve('detached')),
    );
  }
  try {
    const stream = await client.containers.attach(id, {
      stdin: request.AttachStdin ?? false,
      stdout: request.AttachStdout ?? false,
      stderr: request.AttachStderr ?? false,
      ...(options.detachKeys === undefined ? {} : { detachKeys: options.detachKeys }),
    });
    undo.defer(() => stream.destroy());
    const { done } = await client.containers.wait(id, options.rm ? 'removed' : 'next-exit', aborter.signal);
    const session = openSession(stream, context, {
      stdin: request.AttachStdin ?? false,
      tty,
      detachKeys: options.detachKeys,
    });
    undo.defer(session.close);
    try {
      await client.containers.start(id);
    } catch (e) {
      session.close();
      if (options.rm && e instanceof ApiError) await done.catch(() => undefined);
      // Nobody knows whether that request arrived: what has not started is removed, what runs removes itself.
      else if (options.rm) await client.containers.remove(id).catch(() => undefined);
      throw e;
    }
    if (tty) undo.defer(followSize(context, (rows, columns) => client.containers.resize(id, rows, columns)));
    if ((await Promise.race([session.done, left.promise])) === 'detached') return 0;
    const { StatusCode, Error: failure } = await done;
    if (failure?.Message) context.warn(failure.Message);
    return StatusCode;
  } catch (e) {
    throw runFailure(e, path);
  }
}

/** `-a` names nothing that the container has: nothing to show, but its end is waited for. */
async function unattachedRun(id: string, rm: boolean, context: CommandContext): Promise<number> {
  const { client, path } = context;
  const { done } = await client.containers.wait(id, rm ? 'removed' : 'next-exit');
  await client.containers.start(id).catch((e: unknown) => {
    throw runFailure(e, path);
  });
  return (await done).StatusCode;
}
