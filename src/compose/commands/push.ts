import { failOn } from '../apply/fail-on.ts';
import type { Context } from '../context.ts';
import { command } from '../context.ts';
import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';
import { withDependencies } from '../load/index.ts';
import type { Project } from '../model/project.ts';

export default command({
  usage: 'push [OPTIONS] [SERVICE...]',
  summary: 'Push service images',
  flags: {
    ignorePushFailures: {
      names: '--ignore-push-failures',
      help: 'Push what it can and ignores images with push failures',
    },
    includeDeps: { names: '--include-deps', help: 'Also push images of services declared as dependencies' },
    quiet: { names: '-q, --quiet', help: 'Push without printing progress information' },
  },
  async run(context, { flags, args }) {
    const project = await context.project(args);
    const named = args.length === 0 ? Object.keys(project.services) : args;
    await pushServices(
      context,
      project,
      flags.includeDeps ? [...withDependencies(named, project.services)] : named,
      flags,
    );
    return 0;
  },
});

/** Pushes the images of services that are built and have a name for them; the others are skipped. */
export async function pushServices(
  context: Context,
  project: Project,
  names: readonly string[],
  options: { readonly quiet: boolean; readonly ignorePushFailures?: boolean },
): Promise<void> {
  using progress = context.progress('Pushing', { quiet: options.quiet });
  for (const name of names) {
    const service = project.services[name] ?? {};
    if (!service.build || service.image === undefined) {
      progress.event(name, 'Skipped');
      continue;
    }
    const reference = withDefaultTag(parseReference(service.image));
    const tag = reference.tag === undefined ? {} : { tag: reference.tag };
    try {
      await progress.during(name, 'Pushing', 'Pushed', async () => {
        const answer = context.client.images.push(familiarName(reference), { ...tag, signal: context.io.signal });
        for await (const message of answer) failOn(message);
      });
    } catch (e) {
      if (options.ignorePushFailures !== true) throw e;
    }
  }
}
