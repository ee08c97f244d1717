import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { splitWords } from '../load/shell-words.ts';
import { toYaml } from '../output/yaml.ts';
import { fromRun } from '../plan/from-run.ts';

export default command({
  usage: "from-run 'docker run ...'",
  summary: 'Write a Compose file for a run command',
  stopAtFirst: true,
  flags: {},
  async run(context, { args }) {
    // What a shell would have put in for the current folder.
    const written = (args[0] ?? '').replaceAll('\\\n', ' ').replace(/\$\(pwd\)|`pwd`|\$\{PWD\}|\$PWD\b/g, '.');
    const words = args.length === 1 ? splitWords(written).words : args;
    if (words.length === 0)
      throw composeUsage({
        message: '"wharf compose from-run" requires a run command, such as: from-run \'docker run -p 80:80 nginx\'',
      });
    const { model, ignored } = fromRun(words);
    for (const flag of ignored) context.warn(`${flag} has no place in a Compose file: left out`);
    context.io.stdout.write(toYaml(model).replaceAll('$', '$$$$'));
    return 0;
  },
});
