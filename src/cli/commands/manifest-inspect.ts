import { familiar, type Reference } from '../../core/reference.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { flag } from '../flags.ts';
import { listDocument } from '../manifest/list-document.ts';
import { ManifestLists, manifestReference } from '../manifest/store.ts';
import { authFor } from '../registry-auth.ts';

interface Answer {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly Manifest: unknown;
}

export const manifestInspect = command({
  usage: '[OPTIONS] [MANIFEST_LIST] MANIFEST',
  arity: arity.between(1, 2),
  options: {
    insecure: flag.bool('--insecure', 'Ignored: which registries are insecure is for the engine to say', false, {
      hidden: true,
    }),
    verbose: flag.bool('-v, --verbose', 'Output additional info including layers and platform'),
  },
  async run({ args, options }, context) {
    const lists = new ManifestLists(context.env);
    const [first, second] = args.map(manifestReference);
    if (first === undefined) return 1;
    let shown: unknown;
    const list = second === undefined ? lists.read(first) : undefined;
    if (second !== undefined) {
      const found = lists.find(first, second);
      shown = options.verbose ? found : (found.SchemaV2Manifest ?? found.OCIManifest);
    } else if (list !== undefined) shown = options.verbose ? list : (JSON.parse(listDocument(list).text) as unknown);
    else shown = await remote(first, options.verbose, context);
    await context.print(`${JSON.stringify(shown, undefined, 3)}\n`);
    return 0;
  },
});

async function remote(reference: Reference, verbose: boolean, context: CommandContext): Promise<unknown> {
  const name = familiar(reference);
  const auth = await authFor(reference.registry, context.env);
  const { Descriptor, Manifest } = (await context.client.images.distribution(name, auth)) as Answer;
  return verbose ? { Ref: name, Descriptor, Manifest } : Manifest;
}
