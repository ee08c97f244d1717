import { familiar, familiarName, parseReference } from '../../core/reference.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { listDocument } from '../manifest/list-document.ts';
import { ManifestLists, manifestReference } from '../manifest/store.ts';
import { authFor } from '../registry-auth.ts';

export const manifestPush = command({
  usage: '[OPTIONS] MANIFEST_LIST',
  arity: arity.exactly(1),
  options: {
    insecure: flag.bool('--insecure', 'Ignored: which registries are insecure is for the engine to say', false, {
      hidden: true,
    }),
    purge: flag.bool('-p, --purge', 'Remove the local manifest list after push'),
  },
  async run({ args: [name = ''], options }, context) {
    const list = manifestReference(name);
    const lists = new ManifestLists(context.env);
    const manifests = lists.read(list);
    if (manifests === undefined) throw new ExitError(`No such manifest: ${familiar(list)}`, 1);
    const from: Record<string, string> = {};
    for (const { Ref, Descriptor } of manifests) {
      const source = parseReference(Ref);
      const platform = Descriptor.platform ?? {};
      if (!platform.architecture || !platform.os) {
        throw new ExitError(`manifest ${Ref} must have an OS and Architecture to be pushed to a registry`, 1);
      }
      if (source.registry !== list.registry) {
        const why = `${source.registry} != ${list.registry}`;
        throw new ExitError(`cannot use source images from a different registry than the target image: ${why}`, 1);
      }
      from[Descriptor.digest] = familiarName(source);
    }
    const { text, mediaType } = listDocument(manifests);
    const auth = await authFor(list.registry, context.env);
    const index = { raw: Buffer.from(text), mediaType, from };
    const { Digest } = await context.client.images.pushIndex(familiar(list), index, auth);
    const target = familiarName(list);
    for (const { Descriptor } of manifests) {
      await context.print(`Pushed ref ${target}@${Descriptor.digest} with digest: ${Descriptor.digest}\n`);
    }
    await context.print(`${Digest}\n`);
    if (options.purge) lists.remove(list);
    return 0;
  },
});
