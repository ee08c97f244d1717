import { MEDIA_TYPES } from '../../core/oci.ts';
import { familiar, type Reference } from '../../core/reference.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { type ListedManifest, ManifestLists, type ManifestPlatform, manifestReference } from '../manifest/store.ts';
import { authFor } from '../registry-auth.ts';

interface Answer {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly Platforms: readonly ManifestPlatform[];
  readonly Manifest: { readonly manifests?: unknown; readonly config?: unknown };
  readonly Raw?: string;
}

export const manifestCreate = command({
  usage: '[OPTIONS] MANIFEST_LIST MANIFEST [MANIFEST...]',
  arity: arity.atLeast(2),
  description:
    'The list is kept here until it is pushed; the manifests are those of images that are in the registry already.',
  examples: [
    [
      'One name for two processors',
      'wharf manifest create r.example/app:1 r.example/app:1-amd64 r.example/app:1-arm64',
    ],
  ],
  options: {
    amend: flag.bool('-a, --amend', 'Amend an existing manifest list'),
    insecure: flag.bool('--insecure', 'Ignored: which registries are insecure is for the engine to say', false, {
      hidden: true,
    }),
  },
  async run({ args, options }, context) {
    const [list, ...manifests] = args.map(manifestReference);
    if (list === undefined) return 1;
    const lists = new ManifestLists(context.env);
    if (lists.read(list) !== undefined && !options.amend) {
      throw new ExitError('refusing to amend an existing manifest list with no --amend flag', 1);
    }
    // All are asked for before anything is written.
    const found: (readonly [Reference, ListedManifest])[] = [];
    for (const manifest of manifests) found.push([manifest, await fetchManifest(manifest, context)]);
    for (const [manifest, document] of found) lists.put(list, manifest, document);
    await context.print(`Created manifest list ${familiar(list)}\n`);
    return 0;
  },
});

async function fetchManifest(reference: Reference, context: CommandContext): Promise<ListedManifest> {
  const name = familiar(reference);
  const auth = await authFor(reference.registry, context.env);
  const { Descriptor, Platforms, Manifest, Raw } = (await context.client.images.distribution(name, auth)) as Answer;
  if (Manifest.manifests !== undefined) throw new ExitError(`${name} is a manifest list`, 1);
  const [platform] = Platforms;
  return {
    Ref: name,
    Descriptor: { ...Descriptor, ...(platform && { platform }) },
    ...(Raw !== undefined && { Raw }),
    [Descriptor.mediaType === MEDIA_TYPES.dockerManifest ? 'SchemaV2Manifest' : 'OCIManifest']: Manifest,
  };
}
