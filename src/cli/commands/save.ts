import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { writeStream } from '../write-file.ts';

export const save = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  arity: arity.atLeast(1),
  examples: [['To another machine', 'wharf save app:1 | ssh box wharf load']],
  options: { output: flag.string('-o, --output', 'Write to a file, instead of STDOUT') },
  async run({ args, options }, context) {
    await writeStream(() => context.client.images.save(args), options.output, context);
    return 0;
  },
});
