import { writeFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { inTerminal } from '../output/graph-text.ts';
import { asSvg } from '../output/graph-svg.ts';

export default command({
  usage: 'graph [OPTIONS]',
  summary: 'Draw services, networks, volumes and ports',
  flags: {
    format: { names: '--format', value: 'string', help: 'text or svg; by default what the name of the output says' },
    output: { names: '-o, --output', value: 'string', help: 'Write to a file, instead of STDOUT' },
  },
  async run(context, { flags }) {
    const format = flags.format ?? (flags.output?.endsWith('.svg') ? 'svg' : 'text');
    if (format !== 'text' && format !== 'svg')
      throw composeUsage({ message: `unsupported format "${format}"; expected text or svg` });
    const project = await context.project();
    const drawn = format === 'svg' ? asSvg(project) : inTerminal(project);
    if (flags.output === undefined) context.io.stdout.write(drawn);
    else await writeFile(posix.resolve(context.io.cwd, flags.output), drawn);
    return 0;
  },
});
