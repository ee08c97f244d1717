import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { copyFrom, copyTo } from '../copy-files.ts';

export const cp = command({
  usage: ['[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-', '[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH'],
  arity: arity.exactly(2),
  examples: [
    ['A file out of a container', 'wharf cp web:/etc/hosts .'],
    ["A folder's contents into it", 'wharf cp ./site/. web:/srv/www'],
    ['As a tar, to somewhere else', 'wharf cp web:/data - | ssh box tar x'],
  ],
  description: [
    "Use '-' as the source to read a tar archive from stdin",
    'and extract it to a directory destination in a container.',
    "Use '-' as the destination to stream a tar archive of a",
    'container source to stdout.',
  ].join('\n'),
  options: {
    archive: flag.bool('-a, --archive', 'Archive mode (copy all uid/gid information)'),
    followLink: flag.bool('-L, --follow-link', 'Always follow symbol link in SRC_PATH'),
    quiet: flag.bool(
      '-q, --quiet',
      'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached',
    ),
  },
  async run({ args, options }, context) {
    const source = place(args[0] ?? '');
    const target = place(args[1] ?? '');
    if (source.path === '') throw new ExitError('source can not be empty', 1);
    if (target.path === '') throw new ExitError('destination can not be empty', 1);
    if (source.container !== undefined && target.container !== undefined) {
      throw new ExitError('copying between containers is not supported', 1);
    }
    if (source.container !== undefined) return copyFrom(source.container, source.path, target.path, options, context);
    if (target.container !== undefined) return copyTo(source.path, target.container, target.path, options, context);
    throw new ExitError('must specify at least one container source', 1);
  },
});

/** `CONTAINER:PATH`, or a path here: absolute, or with a slash or dot before its first colon. */
function place(text: string): { readonly container?: string; readonly path: string } {
  const colon = text.indexOf(':');
  if (colon < 0 || text.startsWith('/') || text.startsWith('.') || text.slice(0, colon).includes('/'))
    return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}
