import { arity, command, type CommandContext } from '../command.ts';
import { exitCodeFor } from '../create-container.ts';
import { errorText, ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { checkVariable, environment } from '../spec/pairs.ts';
import { consoleSize, followSize, openSession } from '../stream/session.ts';
import { detachKeysOf } from '../stream/detach-keys.ts';

export const exec = command({
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  arity: arity.atLeast(2),
  examples: [
    ['A shell in a running container', 'wharf exec -it web sh'],
    ['A command as another user', 'wharf exec -u www-data web id'],
  ],
  interspersed: false,
  options: {
    detach: flag.bool('-d, --detach', 'Detached mode: run command in the background'),
    detachKeys: flag.string('--detach-keys', 'Override the key sequence for detaching a container'),
    env: flag.list('-e, --env', 'Set environment variables', { check: checkVariable }),
    envFile: flag.list('--env-file', 'Read in a file of environment variables'),
    interactive: flag.bool('-i, --interactive', 'Keep STDIN open even if not attached'),
    privileged: flag.bool('--privileged', 'Give extended privileges to the command'),
    tty: flag.bool('-t, --tty', 'Allocate a pseudo-TTY'),
    user: flag.string('-u, --user', 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    workdir: flag.string('-w, --workdir', 'Working directory inside the container'),
  },
  async run({ args, options }, context) {
    const { client } = context;
    const [container = '', ...words] = args;
    const { detach, tty, interactive } = options;
    const detachKeys = detachKeysOf(options, context);
    if (!detach && tty && interactive && context.stdin.isTTY !== true) {
      throw new ExitError('the input device is not a TTY', 1);
    }
    const size = consoleSize(context) ?? null;
    const { Id: id } = await client.execs.create(container, {
      AttachStdin: interactive && !detach,
      AttachStdout: !detach,
      AttachStderr: !detach,
      Tty: tty,
      ConsoleSize: tty ? size : null,
      DetachKeys: detachKeys ?? '',
      Env: environment(options.envFile, options.env, context.env, context.cwd),
      Cmd: words,
      Privileged: options.privileged,
      User: options.user ?? '',
      WorkingDir: options.workdir ?? '',
    });
    const request = { Detach: detach, Tty: tty, ConsoleSize: tty ? size : null };
    const stream = await client.execs.start(id, request).catch((e: unknown) => {
      const code = exitCodeFor(e);
      throw new ExitError(errorText(e), code === 125 ? 1 : code, e);
    });
    if (stream === null) return 0;
    return joined(id, stream, { interactive, tty, detachKeys }, context);
  },
});

async function joined(
  id: string,
  stream: Parameters<typeof openSession>[0],
  { interactive, tty, detachKeys }: { interactive: boolean; tty: boolean; detachKeys: string | undefined },
  context: CommandContext,
): Promise<number> {
  const { client } = context;
  using undo = new DisposableStack();
  undo.defer(() => stream.destroy());
  const session = openSession(stream, context, { stdin: interactive, tty, detachKeys });
  undo.defer(session.close);
  if (tty) undo.defer(followSize(context, (rows, columns) => client.execs.resize(id, rows, columns)));
  if ((await session.done) === 'detached') {
    context.warn('read escape sequence');
    return 1;
  }
  return (await client.execs.inspect(id)).ExitCode ?? 0;
}
