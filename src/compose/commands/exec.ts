import { interact } from '../apply/interactive.ts';
import { serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { wholeNumber } from '../flags.ts';
import { numberOf } from '../plan/labels.ts';

export default command({
  usage: 'exec [OPTIONS] SERVICE COMMAND [ARGS...]',
  summary: 'Execute a command in a running container',
  stopAtFirst: true,
  flags: {
    detach: { names: '-d, --detach', help: 'Detached mode: Run command in the background' },
    env: { names: '-e, --env', value: 'stringArray', many: true, help: 'Set environment variables' },
    index: { names: '--index', value: 'int', help: 'Index of the container if service has multiple replicas' },
    interactive: { names: '-i, --interactive', help: 'Accepted', hidden: true },
    noTty: {
      names: '-T, --no-tty, --no-TTY',
      help: 'Disable pseudo-TTY allocation. By default it is on when standard input and output are terminals',
    },
    privileged: { names: '--privileged', help: 'Give extended privileges to the process' },
    tty: { names: '-t, --tty', help: 'Accepted', hidden: true },
    user: { names: '-u, --user', value: 'string', help: 'Run the command as this user' },
    workdir: { names: '-w, --workdir', value: 'string', help: 'Path to workdir directory for this command' },
  },
  async run(context, { flags, args }) {
    const [service, ...cmd] = args;
    if (service === undefined || cmd.length === 0)
      throw composeUsage({ message: '"wharf compose exec" requires at least 2 arguments: SERVICE COMMAND [ARGS...]' });
    const { client, io } = context;
    const index = wholeNumber(flags.index, '--index');
    const containers = await serviceContainers(client, await context.projectName(), [service]);
    const container = containers.find((c) => c.State === 'running' && (index === undefined || numberOf(c) === index));
    if (!container)
      throw composeFailed({
        message:
          index === undefined
            ? `service "${service}" is not running`
            : `service "${service}" is not running container #${index}`,
      });
    const tty = !flags.noTty && !flags.detach && io.stdin.isTTY === true && io.stdout.isTTY === true;
    const { Id } = await client.execs.create(container.Id, {
      Cmd: cmd,
      AttachStdin: !flags.detach,
      AttachStdout: !flags.detach,
      AttachStderr: !flags.detach,
      Tty: tty,
      Env: flags.env.flatMap((e) => (e.includes('=') ? [e] : io.env[e] === undefined ? [] : [`${e}=${io.env[e]}`])),
      ...(flags.privileged ? { Privileged: true } : {}),
      ...(flags.user === undefined ? {} : { User: flags.user }),
      ...(flags.workdir === undefined ? {} : { WorkingDir: flags.workdir }),
    });
    const stream = await client.execs.start(Id, { Detach: flags.detach, Tty: tty });
    if (!stream) return 0;
    await interact(stream, io, { tty, stdin: true, resize: (rows, columns) => client.execs.resize(Id, rows, columns) });
    return (await client.execs.inspect(Id)).ExitCode ?? 0;
  },
});
