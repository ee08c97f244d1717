import { ApiError } from '../../client/index.ts';
import { arity, command } from '../command.ts';
import { errorText } from '../errors.ts';
import { flag } from '../flags.ts';
import { parsePlatform, platformsFlag } from '../spec/platform.ts';

export const rmi = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  arity: arity.atLeast(1),
  options: {
    force: flag.bool('-f, --force', 'Force removal of the image'),
    noPrune: flag.bool('--no-prune', 'Do not delete untagged parents'),
    platform: platformsFlag('Remove only the given platform variant'),
  },
  async run({ args, options }, context) {
    const platforms = options.platform.map(parsePlatform);
    const how = { force: options.force, noPrune: options.noPrune, platforms };
    const failures: string[] = [];
    let fatal = false;
    for (const name of args) {
      try {
        for (const item of await context.client.images.remove(name, how)) {
          await context.print('Deleted' in item ? `Deleted: ${item.Deleted}\n` : `Untagged: ${item.Untagged}\n`);
        }
      } catch (e) {
        failures.push(errorText(e));
        if (!(options.force && e instanceof ApiError && e.status === 404)) fatal = true;
      }
    }
    for (const text of failures) context.warn(text);
    return fatal ? 1 : 0;
  },
});
