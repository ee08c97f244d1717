import { arity, command, type CommandContext } from '../command.ts';
import { forEach } from '../each.ts';
import { flag, type Values } from '../flags.ts';

const options = {
  signal: flag.string('-s, --signal', 'Signal to send to the container'),
  timeout: flag.int('-t, --timeout, --time', 'Seconds to wait before killing the container'),
};

const usage = '[OPTIONS] CONTAINER [CONTAINER...]';

export const stop = command({
  usage,
  arity: arity.atLeast(1),
  options,
  run: (parsed, context) => halt('stop', parsed.args, parsed.options, context),
});

export const restart = command({
  usage,
  arity: arity.atLeast(1),
  options,
  run: (parsed, context) => halt('restart', parsed.args, parsed.options, context),
});

function halt(
  method: 'stop' | 'restart',
  names: readonly string[],
  { signal, timeout }: Values<typeof options>,
  context: CommandContext,
): Promise<number> {
  const how = {
    ...(signal === undefined ? {} : { signal }),
    ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
  };
  return forEach(names, context, (name) => context.client.containers[method](name, how));
}
