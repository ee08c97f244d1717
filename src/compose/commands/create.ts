import { up } from '../apply/up.ts';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { pullFlag } from '../flags.ts';
import { withDependencies } from '../load/index.ts';
import { parseScale } from './scale-flag.ts';

export default command({
  usage: 'create [OPTIONS] [SERVICE...]',
  summary: 'Creates containers for a service',
  flags: {
    build: { names: '--build', help: 'Build images before starting containers' },
    forceRecreate: {
      names: '--force-recreate',
      help: "Recreate containers even if their configuration and image haven't changed",
    },
    noBuild: { names: '--no-build', help: "Don't build an image, even if it's policy" },
    noRecreate: { names: '--no-recreate', help: "If containers already exist, don't recreate them" },
    pull: { names: '--pull', value: 'string', help: 'Pull image before running ("always"|"missing"|"never"|"build")' },
    quietPull: { names: '--quiet-pull', help: 'Pull without printing progress information' },
    removeOrphans: {
      names: '--remove-orphans',
      help: 'Remove containers for services not defined in the Compose file',
    },
    scale: { names: '--scale', value: 'SERVICE=NUM', many: true, help: 'Scale SERVICE to NUM instances' },
    yes: { names: '-y, --yes', help: 'Assume "yes" as answer to all prompts' },
  },
  async run(context, { flags, args }) {
    if (flags.build && flags.noBuild) throw composeUsage({ message: '--build and --no-build are incompatible' });
    if (flags.forceRecreate && flags.noRecreate)
      throw composeUsage({ message: '--force-recreate and --no-recreate are incompatible' });
    const project = await context.project(args);
    const services = withDependencies(args.length > 0 ? args : Object.keys(project.services), project.services);
    using progress = context.progress('Creating');
    const { scale, yes: _yes, ...rest } = flags;
    await up(
      context.client,
      project,
      {
        ...rest,
        pull: pullFlag(flags.pull),
        services,
        parallel: context.parallel,
        named: new Set(args),
        noStart: true,
        scale: parseScale(scale, project),
      },
      progress,
      (t) => context.warn(t),
      context.io.signal,
    );
    return 0;
  },
});
