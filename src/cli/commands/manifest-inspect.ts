import { parseReference } from '../../core/reference.ts';
import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { authFor } from '../registry-auth.ts';

interface Answer {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly Manifest: unknown;
}

export const manifestInspect = command({
  usage: '[OPTIONS] MANIFEST',
  arity: arity.exactly(1),
  options: {
    insecure: flag.bool('--insecure', 'Ignored: which registries are insecure is for the engine to say', false, {
      hidden: true,
    }),
    verbose: flag.bool('-v, --verbose', 'Output the descriptor too'),
  },
  async run({ args, options }, context) {
    const [name = ''] = args;
    const auth = await authFor(parseReference(name).registry, context.env);
    const { Descriptor, Manifest } = (await context.client.images.distribution(name, auth)) as Answer;
    const document = options.verbose ? { Ref: name, Descriptor, Manifest } : Manifest;
    await context.print(`${JSON.stringify(document, undefined, 3)}\n`);
    return 0;
  },
});
