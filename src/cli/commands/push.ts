import { familiarName, parseReference } from '../../core/reference.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { showProgress } from '../progress.ts';
import { platformOf } from '../spec/platform.ts';
import { authFor } from '../registry-auth.ts';

export const push = command({
  usage: '[OPTIONS] NAME[:TAG]',
  arity: arity.exactly(1),
  options: {
    allTags: flag.bool('-a, --all-tags', 'Push all tags of an image to the repository'),
    disableContentTrust: flag.bool('--disable-content-trust', 'Skip image signing', true, { hidden: true }),
    platform: flag.string(
      '--platform',
      "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
    quiet: flag.bool('-q, --quiet', 'Suppress verbose output'),
  },
  async run({ args, options }, context) {
    const platform = platformOf(options.platform, 'invalid platform: ');
    const reference = parseReference(args[0] ?? '');
    if (options.allTags && reference.tag !== undefined) throw new Error("tag can't be used with --all-tags/-a");
    if (reference.digest !== undefined) throw new Error('cannot push a digest reference');
    if (!options.allTags && reference.tag === undefined && !options.quiet)
      await context.print('Using default tag: latest\n');
    const name = familiarName(reference);
    const tag = options.allTags ? undefined : (reference.tag ?? 'latest');
    const auth = await authFor(reference.registry, context.env);
    const messages = context.client.images.push(name, {
      ...(tag === undefined ? {} : { tag }),
      ...(platform === undefined ? {} : { platform }),
      ...(auth === undefined ? {} : { auth }),
    });
    if (options.quiet) {
      for await (const m of messages) if (m.error !== undefined) throw new Error(m.errorDetail?.message ?? m.error);
      await context.print(`${reference.registry}/${reference.repository}${tag === undefined ? '' : `:${tag}`}\n`);
    } else await showProgress(messages, context.stdout);
    return 0;
  },
});
