import { canonical, parseReference } from '../../core/reference.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { showProgress } from '../progress.ts';
import { pullImage } from '../pull-image.ts';
import { authFor } from '../registry-auth.ts';

export const pull = command({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  arity: arity.exactly(1),
  options: {
    allTags: flag.bool('-a, --all-tags', 'Download all tagged images in the repository'),
    disableContentTrust: flag.bool('--disable-content-trust', 'Skip image verification', true, { hidden: true }),
    platform: flag.string('--platform', 'Set platform if server is multi-platform capable'),
    quiet: flag.bool('-q, --quiet', 'Suppress verbose output'),
  },
  async run({ args, options }, context) {
    const [name = ''] = args;
    const reference = parseReference(name);
    if (options.allTags) {
      if (reference.tag !== undefined || reference.digest !== undefined) {
        throw new Error("tag can't be used with --all-tags/-a");
      }
      const auth = await authFor(reference.registry, context.env);
      await showProgress(context.client.images.pull(name, auth === undefined ? {} : { auth }), context.stdout);
      await context.print(`${canonical(reference)}\n`);
      return 0;
    }
    if (reference.tag === undefined && reference.digest === undefined && !options.quiet) {
      await context.print('Using default tag: latest\n');
    }
    const platform = options.platform ?? context.env['DOCKER_DEFAULT_PLATFORM'];
    const full = await pullImage(name, { quiet: options.quiet, platform, out: context.stdout }, context);
    await context.print(`${full}\n`);
    return 0;
  },
});
