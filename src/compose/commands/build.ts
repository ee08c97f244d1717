import { buildServices } from '../apply/build.ts';
import { command } from '../context.ts';
import { inDependencyOrder, withDependencies } from '../load/index.ts';

export default command({
  usage: 'build [OPTIONS] [SERVICE...]',
  summary: 'Build or rebuild services',
  flags: {
    buildArg: { names: '--build-arg', value: 'stringArray', many: true, help: 'Set build-time variables for services' },
    memory: { names: '-m, --memory', value: 'bytes', help: 'Accepted', hidden: true },
    noCache: { names: '--no-cache', help: 'Do not use cache when building the image' },
    pull: { names: '--pull', help: 'Always attempt to pull a newer version of the image' },
    push: { names: '--push', help: 'Push service images', hidden: true },
    quiet: { names: '-q, --quiet', help: 'Suppress the build output' },
    withDependencies: { names: '--with-dependencies', help: 'Also build dependencies (transitively)' },
    forceRm: { names: '--force-rm', help: 'Accepted', hidden: true },
    noRm: { names: '--no-rm', help: 'Accepted', hidden: true },
    compress: { names: '--compress', help: 'Accepted', hidden: true },
    parallel: { names: '--parallel', help: 'Accepted', hidden: true },
    progress: { names: '--progress', value: 'string', help: 'Accepted', hidden: true },
  },
  async run(context, { flags, args }) {
    const project = await context.project(args);
    const chosen =
      args.length === 0
        ? new Set(Object.keys(project.services))
        : flags.withDependencies
          ? withDependencies(args, project.services)
          : new Set(args);
    const names = inDependencyOrder(project.services).filter((n) => chosen.has(n) && project.services[n]?.build);
    if (names.length === 0) {
      context.warn('No services to build');
      return 0;
    }
    const buildArgs = Object.fromEntries(
      flags.buildArg.map((pair) => {
        const equals = pair.indexOf('=');
        return equals < 0 ? [pair, project.environment[pair] ?? null] : [pair.slice(0, equals), pair.slice(equals + 1)];
      }),
    );
    using progress = context.progress('Building', { quiet: flags.quiet });
    await buildServices(
      context.client,
      project,
      names,
      {
        args: buildArgs,
        quiet: flags.quiet,
        ...(flags.noCache ? { noCache: true } : {}),
        ...(flags.pull ? { pull: true } : {}),
      },
      (text) => context.io.stdout.write(text),
      progress,
      context.io.signal,
    );
    return 0;
  },
});
