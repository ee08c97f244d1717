import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { writeStream } from '../write-file.ts';

export const exportContainer = command({
  usage: '[OPTIONS] CONTAINER',
  arity: arity.exactly(1),
  options: { output: flag.string('-o, --output', 'Write to a file, instead of STDOUT') },
  async run({ args, options }, context) {
    await writeStream(
      () => context.client.containers.export(args[0] ?? ''),
      options.output,
      'failed to export container',
      context,
    );
    return 0;
  },
});
