import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { platformFlag, platformOf } from '../spec/platform.ts';
import { showProgress } from '../progress.ts';

export const load = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: {
    input: flag.string('-i, --input', 'Read from tar archive file, instead of STDIN'),
    platform: platformFlag('Load only the given platform variant'),
    quiet: flag.bool('-q, --quiet', 'Suppress the load output'),
  },
  async run({ options }, context) {
    const platform = platformOf(options.platform, 'invalid platform: ');
    if (options.input === undefined && context.stdin.isTTY === true) {
      throw new ExitError('requested load from stdin, but stdin is empty', 1);
    }
    const path = options.input === undefined ? undefined : resolve(context.cwd, options.input);
    if (path !== undefined) {
      await stat(path).catch((e: unknown) => {
        throw new ExitError(`open ${options.input}: no such file or directory`, 1, e);
      });
    }
    const tar = path === undefined ? context.stdin : createReadStream(path);
    await showProgress(
      context.client.images.load(tar, {
        quiet: options.quiet || !context.stdout.isTTY,
        ...(platform === undefined ? {} : { platform }),
      }),
      context.stdout,
    );
    return 0;
  },
});
