import { arity, command } from '../command.ts';
import { errorText, ExitError } from '../errors.ts';

export const rename = command({
  usage: 'CONTAINER NEW_NAME',
  arity: arity.exactly(2),
  options: {},
  async run({ args }, context) {
    const [from = '', to = ''] = args.map((a) => a.trim());
    if (from === '' || to === '') throw new ExitError('Error: Neither old nor new names may be empty', 1);
    await context.client.containers.rename(from, to).catch((e: unknown) => {
      throw new ExitError(`${errorText(e)}\nError: failed to rename container named ${from}`, 1, e);
    });
    return 0;
  },
});
