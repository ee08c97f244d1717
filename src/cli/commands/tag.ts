import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';
import { messageOf } from '../../core/errors.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';

export const tag = command({
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  arity: arity.exactly(2),
  options: {},
  async run({ args }, context) {
    const [source = '', target = ''] = args;
    let reference;
    try {
      reference = parseReference(target);
    } catch (e) {
      throw new ExitError(`Error parsing reference: "${target}" is not a valid repository/tag: ${messageOf(e)}`, 1, e);
    }
    if (reference.digest !== undefined) throw new Error('refusing to create a tag with a digest reference');
    await context.client.images.tag(source, familiarName(reference), withDefaultTag(reference).tag ?? 'latest');
    return 0;
  },
});
