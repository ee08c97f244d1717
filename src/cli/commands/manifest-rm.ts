import { familiar } from '../../core/reference.ts';
import { arity, command } from '../command.ts';
import { ManifestLists, manifestReference } from '../manifest/store.ts';

export const manifestRm = command({
  usage: 'MANIFEST_LIST [MANIFEST_LIST...]',
  arity: arity.atLeast(1),
  options: {},
  async run({ args }, context) {
    const lists = new ManifestLists(context.env);
    const missing = args.map(manifestReference).filter((list) => !lists.remove(list));
    for (const list of missing) context.warn(`No such manifest: ${familiar(list)}`);
    return missing.length === 0 ? 0 : 1;
  },
});
