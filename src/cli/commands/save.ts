import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { platformFlag, platformOf } from '../spec/platform.ts';
import { writeStream } from '../write-file.ts';

export const save = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  arity: arity.atLeast(1),
  examples: [['To another machine', 'wharf save app:1 | ssh box wharf load']],
  options: {
    output: flag.string('-o, --output', 'Write to a file, instead of STDOUT'),
    platform: platformFlag('Save only the given platform variant'),
  },
  async run({ args, options }, context) {
    const platform = platformOf(options.platform, 'invalid platform: ');
    await writeStream(
      () => context.client.images.save(args, platform),
      options.output,
      'failed to save image',
      context,
    );
    return 0;
  },
});
