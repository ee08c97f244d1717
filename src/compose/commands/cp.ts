import { nameOf, projectContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { wholeNumber } from '../flags.ts';
import { isOneOff, label, numberOf } from '../plan/labels.ts';
import { engineCommand } from './one-container.ts';

export default command({
  usage: 'cp [OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n        wharf compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH',
  summary: 'Copy files/folders between a service container and the local filesystem',
  flags: {
    all: { names: '--all', help: 'Include containers created by the run command' },
    archive: { names: '-a, --archive', help: 'Archive mode (copy all uid/gid information)' },
    followLink: { names: '-L, --follow-link', help: 'Always follow symbol link in SRC_PATH' },
    index: { names: '--index', value: 'int', help: 'Index of the container if service has multiple replicas' },
  },
  async run(context, { flags, args }) {
    const [from, to, more] = args;
    if (from === undefined || to === undefined || more !== undefined)
      throw composeUsage({ message: '"wharf compose cp" requires exactly 2 arguments: SERVICE:SRC_PATH DEST_PATH' });
    const source = servicePath(from);
    const target = servicePath(to);
    if (source && target) throw composeUsage({ message: 'copying between services is not supported' });
    const side = source ?? target;
    if (!side) throw composeUsage({ message: 'unknown copy direction: one of the paths must be SERVICE:PATH' });
    const index = wholeNumber(flags.index, '--index');
    const all = await projectContainers(context.client, await context.projectName());
    const containers = all
      .filter((c) => label(c, 'service') === side.service && (flags.all || !isOneOff(c)))
      .filter((c) => index === undefined || numberOf(c) === index)
      .sort((a, b) => numberOf(a) - numberOf(b));
    if (containers.length === 0) throw composeFailed({ message: `no container found for service "${side.service}"` });
    const options = [...(flags.archive ? ['-a'] : []), ...(flags.followLink ? ['-L'] : []), '-q'];
    using progress = context.progress('Copying');
    // Out of the first replica, into all of them.
    for (const container of source ? containers.slice(0, 1) : containers) {
      const at = `${container.Id}:${side.path}`;
      const shown = `${nameOf(container)}:${side.path}`;
      const about = source ? `copy ${shown} to ${to}` : `copy ${from} to ${shown}`;
      progress.event(nameOf(container), 'Copying', { about });
      const code = context.dry
        ? 0
        : await engineCommand(context, ['cp', ...options, ...(source ? [at, to] : [from, at])]);
      if (code !== 0) return code;
      progress.event(nameOf(container), 'Copied', { about });
    }
    return 0;
  },
});

/** `SERVICE:PATH`; a path with a slash before the colon is one of this machine. */
function servicePath(text: string): { readonly service: string; readonly path: string } | undefined {
  const match = /^([A-Za-z0-9._-]+):(.*)$/s.exec(text);
  return match && !/^\.{0,2}$/.test(match[1] ?? '') ? { service: match[1] ?? '', path: match[2] ?? '' } : undefined;
}
