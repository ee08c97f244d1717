import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { familiarName, parseReference } from '../../core/reference.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { showProgress } from '../progress.ts';

export const importImage = command({
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  arity: arity.between(1, 2),
  options: {
    change: flag.list('-c, --change', 'Apply Dockerfile instruction to the created image'),
    message: flag.string('-m, --message', 'Set commit message for imported image'),
    platform: flag.string('--platform', 'Set platform if server is multi-platform capable'),
  },
  async run({ args, options }, context) {
    const [source = '', name] = args;
    const reference = name === undefined ? undefined : parseReference(name);
    const path = resolve(context.cwd, source);
    const url = /^https?:\/\//.test(source);
    if (source !== '-' && !url) {
      await stat(path).catch((e: unknown) => {
        throw new ExitError(`open ${source}: no such file or directory`, 1, e);
      });
    }
    const messages = context.client.images.import(
      url ? source : source === '-' ? context.stdin : createReadStream(path),
      {
        ...(options.platform === undefined ? {} : { platform: options.platform }),
        ...(reference === undefined ? {} : { repository: familiarName(reference) }),
        ...(reference?.tag === undefined ? {} : { tag: reference.tag }),
        ...(options.message === undefined ? {} : { message: options.message }),
        changes: options.change,
      },
    );
    await showProgress(messages, context.stdout);
    return 0;
  },
});
