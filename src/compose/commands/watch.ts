import { up } from '../apply/up.ts';
import { watchProject } from '../apply/watch.ts';
import type { Context } from '../context.ts';
import { command } from '../context.ts';
import { composeFailed } from '../errors.ts';
import { withDependencies } from '../load/index.ts';
import type { Project } from '../model/project.ts';

export default command({
  usage: 'watch [SERVICE...]',
  summary: 'Watch build context for service and rebuild/refresh containers when files are updated',
  flags: {
    noUp: { names: '--no-up', help: 'Do not build & start services before watching' },
    prune: { names: '--prune', help: 'Prune dangling images on rebuild (default true)' },
    quiet: { names: '--quiet', help: 'hide build output' },
  },
  async run(context, { flags, args, given }) {
    const project = await context.project(args);
    const services = args.length > 0 ? args : Object.keys(project.services);
    if (!services.some((s) => project.services[s]?.develop?.watch?.length))
      throw composeFailed({
        message: "none of the selected services is configured for watch, consider setting a 'develop' section",
      });
    if (!flags.noUp) {
      using progress = context.progress('Running');
      await up(
        context.client,
        project,
        {
          services: withDependencies(services, project.services),
          named: new Set(args),
          build: true,
          quietBuild: flags.quiet,
        },
        progress,
        (text) => context.warn(text),
        context.io.signal,
      );
    }
    await watching(context, project, services, { quiet: flags.quiet, prune: !given.has('prune') || flags.prune });
    return context.io.signal.aborted ? 130 : 0;
  },
});

/** Watches until the first Ctrl-C. */
export function watching(
  context: Context,
  project: Project,
  services: readonly string[],
  options: {
    readonly quiet: boolean;
    readonly prune: boolean;
    readonly signal?: AbortSignal;
    readonly say?: (text: string) => void;
  },
): Promise<void> {
  const mark = context.ansi && context.io.stderr.isTTY === true ? '\x1b[92m ⦿ \x1b[0m' : ' ⦿ ';
  return watchProject({
    client: context.client,
    project,
    services,
    quiet: options.quiet,
    prune: options.prune,
    say: (text) => (options.say ?? ((line) => void context.io.stderr.write(line)))(`${mark}${text}\n`),
    warn: (text) => context.warn(text),
    progress: () => context.progress('Running', { quiet: options.quiet }),
    signal: options.signal ?? context.io.signal,
  });
}
