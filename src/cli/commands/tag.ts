import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';
import { arity, command } from '../command.ts';

export const tag = command({
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  arity: arity.exactly(2),
  options: {},
  async run({ args }, context) {
    const [source = '', target = ''] = args;
    const reference = parseReference(target);
    if (reference.digest !== undefined) throw new Error('refusing to create a tag with a digest reference');
    await context.client.images.tag(source, familiarName(reference), withDefaultTag(reference).tag ?? 'latest');
    return 0;
  },
});
