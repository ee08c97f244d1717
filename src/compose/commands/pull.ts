import { allOrFirst } from '../apply/all-or-first.ts';
import { localImage, pullImage } from '../apply/images.ts';
import { command } from '../context.ts';
import { withDependencies } from '../load/index.ts';
import { imageName } from '../plan/names.ts';

export default command({
  usage: 'pull [OPTIONS] [SERVICE...]',
  summary: 'Pull service images',
  flags: {
    ignoreBuildable: { names: '--ignore-buildable', help: 'Ignore images that can be built' },
    ignorePullFailures: {
      names: '--ignore-pull-failures',
      help: 'Pull what it can and ignores images with pull failures',
    },
    includeDeps: { names: '--include-deps', help: 'Also pull services declared as dependencies' },
    policy: { names: '--policy', value: 'string', help: 'Apply pull policy ("missing"|"always")' },
    quiet: { names: '-q, --quiet', help: 'Pull without printing progress information' },
    parallel: { names: '--parallel', help: 'Accepted', hidden: true },
    noParallel: { names: '--no-parallel', help: 'Accepted', hidden: true },
  },
  async run(context, { flags, args }) {
    const project = await context.project(args);
    const names =
      args.length === 0
        ? Object.keys(project.services)
        : flags.includeDeps
          ? [...withDependencies(args, project.services)]
          : args;
    using progress = context.progress('Pulling', { quiet: flags.quiet });
    const pulled = new Map<string, string>();
    const buildable: string[] = [];
    await allOrFirst(
      names.map(async (name) => {
        const service = project.services[name] ?? {};
        const image = imageName(project, name, service);
        const policy = flags.policy ?? service.pull_policy ?? 'always';
        const skip = (details: string): void => progress.event(name, 'Skipped', { details });
        if (service.image === undefined) return skip('No image to be pulled');
        if (policy === 'never' || policy === 'build') return skip('No image to be pulled');
        if (flags.ignoreBuildable && service.build) return skip('Image can be built');
        if (policy === 'missing' && (await localImage(context.client, image)))
          return skip('Image is already present locally');
        const other = pulled.get(image);
        if (other !== undefined) return skip(`Image is already being pulled by ${other}`);
        pulled.set(image, name);
        try {
          await pullImage(
            context.client,
            name,
            image,
            service,
            progress,
            context.io.signal,
            flags.quiet,
            service.build !== undefined,
          );
        } catch (e) {
          if (service.build) buildable.push(name);
          else if (!flags.ignorePullFailures) throw e;
        }
      }),
    );
    progress.close();
    if (buildable.length > 0)
      context.warn(
        `Some service image(s) must be built from source by running:\n    docker compose build ${buildable.sort().join(' ')}`,
      );
    return 0;
  },
});
