import { VERSION } from '../../core/version.ts';
import { command } from '../context.ts';

export default command({
  usage: 'version [OPTIONS]',
  summary: 'Show the Compose version information',
  flags: {
    format: { names: '-f, --format', value: 'string', help: 'Format the output. Values: [pretty | json]' },
    short: { names: '--short', help: "Shows only Compose's version number" },
  },
  async run(context, { flags }) {
    if (flags.short) context.print(VERSION);
    else if (flags.format === 'json') context.print(JSON.stringify({ version: VERSION }));
    else context.print(`Wharf Compose version ${VERSION}`);
    return 0;
  },
});
