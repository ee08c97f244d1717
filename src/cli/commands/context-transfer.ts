import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { arity, command } from '../command.ts';
import { exportedContext, importedContext } from '../config/context-archive.ts';
import * as contexts from '../config/contexts.ts';
import { ExitError } from '../errors.ts';
import { loadContext } from './context.ts';

export const exportContext = command({
  usage: '[OPTIONS] CONTEXT [FILE|-]',
  arity: arity.between(1, 2),
  examples: [['To another machine', 'wharf context export prod - | ssh box wharf context import prod -']],
  options: {},
  async run({ args: [name = '', file = `${name}.dockercontext`] }, context) {
    const { meta, tls } = loadContext(name, context);
    const tar = exportedContext(meta, tls);
    if (file === '-') {
      if (context.stdout.isTTY === true) {
        throw new ExitError('cowardly refusing to export to a terminal, specify a file path', 1);
      }
      await pipeline(tar, context.stdout, { end: false });
      return 0;
    }
    try {
      await pipeline(tar, createWriteStream(resolve(context.cwd, file), { flags: 'wx', mode: 0o600 }));
    } catch (e) {
      const why = { EEXIST: 'file exists', ENOENT: 'no such file or directory' }[errnoOf(e) ?? ''];
      throw new ExitError(`open ${file}: ${why ?? messageOf(e)}`, 1, e);
    }
    context.warn(`Written file "${file}"`);
    return 0;
  },
});

export const importContext = command({
  usage: 'CONTEXT FILE|-',
  arity: arity.exactly(2),
  options: {},
  async run({ args: [name = '', file = ''] }, context) {
    contexts.checkName(name);
    if (contexts.contextExists(name, context.env)) throw new ExitError(`context "${name}" already exists`, 1);
    const bytes =
      file === '-'
        ? await buffer(context.stdin)
        : await readFile(resolve(context.cwd, file)).catch((e: unknown) => {
            throw new ExitError(`open ${file}: no such file or directory`, 1, e);
          });
    const { meta, tls } = await importedContext(bytes);
    contexts.writeContext({ ...meta, Name: name }, tls, context.env);
    await context.print(`${name}\n`);
    context.warn(`Successfully imported context "${name}"`);
    return 0;
  },
});
