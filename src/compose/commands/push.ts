import { failOn } from '../apply/fail-on.ts';
import { command } from '../context.ts';
import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';

export default command({
  usage: 'push [OPTIONS] [SERVICE...]',
  summary: 'Push service images',
  flags: {
    ignorePushFailures: {
      names: '--ignore-push-failures',
      help: 'Push what it can and ignores images with push failures',
    },
    includeDeps: { names: '--include-deps', help: 'Accepted', hidden: true },
    quiet: { names: '-q, --quiet', help: 'Push without printing progress information' },
  },
  async run(context, { flags, args }) {
    const project = await context.project(args);
    using progress = context.progress('Pushing', { quiet: flags.quiet });
    for (const name of args.length === 0 ? Object.keys(project.services) : args) {
      const service = project.services[name] ?? {};
      if (!service.build || service.image === undefined) {
        progress.event(name, 'Skipped');
        continue;
      }
      const reference = withDefaultTag(parseReference(service.image));
      try {
        await progress.during(name, 'Pushing', 'Pushed', async () => {
          const tag = reference.tag === undefined ? {} : { tag: reference.tag };
          for await (const message of context.client.images.push(familiarName(reference), {
            ...tag,
            signal: context.io.signal,
          }))
            failOn(message);
        });
      } catch (e) {
        if (!flags.ignorePushFailures) throw e;
      }
    }
    return 0;
  },
});
