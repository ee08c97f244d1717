import { accessSync, chmodSync, constants, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { readText } from '../start-up-file.ts';

const MARK = '# Installed by: wharf docker-shim install';
/** What the names call. */
const PROGRAMS = { docker: 'wharf', 'docker-compose': 'wharf compose' } as const;
const KEPT = '.before-wharf';

const directory = flag.string('--directory', 'Folder to put the programs into', { default: '"/usr/local/bin"' });

export const install = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { directory, force: flag.bool('-f, --force', 'Put a program that is there already aside') },
  description:
    'Makes "docker" and "docker-compose" call wharf. "wharf docker-shim uninstall" takes that back, and puts back\nwhat was put aside with --force.',
  async run({ options }, context) {
    const folder = resolve(context.cwd, options.directory ?? '/usr/local/bin');
    const own = context.program;
    const names = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[];
    const foreign = names.filter((name) => there(join(folder, name)) && !isOurs(join(folder, name)));
    if (foreign.length > 0 && !options.force) {
      throw new ExitError(
        `${foreign.map((n) => join(folder, n)).join(' and ')} ${foreign.length > 1 ? 'are' : 'is'} there already; --force puts it aside`,
        1,
      );
    }
    mkdirSync(folder, { recursive: true });
    for (const name of names) {
      const path = join(folder, name);
      if (foreign.includes(name)) renameSync(path, `${path}${KEPT}`);
      const [, ...words] = PROGRAMS[name].split(' ');
      const call = [`'${own.replaceAll("'", `'\\''`)}'`, ...words].join(' ');
      writeFileSync(`${path}.${process.pid}`, `#!/bin/sh\n${MARK}\nexec ${call} "$@"\n`);
      chmodSync(`${path}.${process.pid}`, 0o755);
      renameSync(`${path}.${process.pid}`, path);
      await context.print(
        `${path} calls ${PROGRAMS[name]}${foreign.includes(name) ? `; the former is ${path}${KEPT}` : ''}\n`,
      );
      const first = inPath(name, context);
      if (first !== path) {
        context.warn(
          first === undefined
            ? `${folder} is not in your PATH`
            : `${first} comes before ${path} in your PATH, and is what runs`,
        );
      }
    }
    return 0;
  },
});

export const uninstall = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { directory },
  async run({ options }, context) {
    const folder = resolve(context.cwd, options.directory ?? '/usr/local/bin');
    for (const name of Object.keys(PROGRAMS)) {
      const path = join(folder, name);
      if (!there(path) || !isOurs(path)) {
        await context.print(`${path}: not ours, left alone\n`);
        continue;
      }
      if (there(`${path}${KEPT}`)) renameSync(`${path}${KEPT}`, path);
      else rmSync(path);
      await context.print(`${path}: ${there(path) ? 'put back' : 'removed'}\n`);
    }
    return 0;
  },
});

function there(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isOurs(path: string): boolean {
  return lstatSync(path).isFile() && (readText(path)?.includes(MARK) ?? false);
}

function inPath(name: string, { env }: CommandContext): string | undefined {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return undefined;
}
