import { writeFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Context } from '../context.ts';
import { command } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { drawing } from '../output/graph-layout.ts';
import { asPng } from '../output/graph-png.ts';
import { asSvg } from '../output/graph-svg.ts';
import { inTerminal } from '../output/graph-text.ts';

const FORMATS = ['text', 'svg', 'png'];

export default command({
  usage: 'graph [OPTIONS]',
  summary: 'Draw services, networks, volumes and ports',
  flags: {
    format: {
      names: '--format',
      value: 'string',
      help: 'text, svg or png; by default what the name of the output says',
    },
    output: { names: '-o, --output', value: 'string', help: 'Write to a file, instead of STDOUT' },
  },
  async run(context, { flags }) {
    const format = flags.format ?? /\.(svg|png)$/.exec(flags.output ?? '')?.[1] ?? 'text';
    if (!FORMATS.includes(format))
      throw composeUsage({ message: `unsupported format "${format}"; expected ${FORMATS.join(', ')}` });
    if (format === 'png' && flags.output === undefined && context.io.stdout.isTTY)
      throw composeUsage({ message: 'a PNG is nothing for a terminal; name a file with -o' });
    const drawn = await draw(context, format);
    if (flags.output === undefined) context.io.stdout.write(drawn);
    else await writeFile(posix.resolve(context.io.cwd, flags.output), drawn);
    return 0;
  },
});

async function draw(context: Context, format: string): Promise<string | Buffer> {
  const project = await context.project();
  if (format === 'text') return inTerminal(project);
  if (format === 'svg') return asSvg(drawing(project));
  const picture = asPng(drawing(project));
  if (!picture) throw composeFailed({ message: 'too large for a PNG; write an SVG instead' });
  return picture;
}
