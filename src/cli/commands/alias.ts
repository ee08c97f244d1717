import { basename, join } from 'node:path';
import { homedir } from 'node:os';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { readText, replaceText } from '../start-up-file.ts';

/** The names that people keep by hand for compose commands. */
const ALIASES: readonly (readonly [string, string])[] = [
  ['dco', 'wharf compose'],
  ['dcb', 'wharf compose build'],
  ['dce', 'wharf compose exec'],
  ['dcps', 'wharf compose ps'],
  ['dcr', 'wharf compose run --rm'],
  ['dcup', 'wharf compose up'],
  ['dcdn', 'wharf compose down'],
  ['dcl', 'wharf compose logs'],
  ['dclf', 'wharf compose logs -f'],
];
const BEGIN = '# >>> wharf aliases >>>';
const END = '# <<< wharf aliases <<<';
const BLOCK = new RegExp(`\\n?^${BEGIN}$[\\s\\S]*?^${END}$\\n?`, 'gm');

const shell = flag.list(
  '--shell',
  'Shell to write for: "bash" or "zsh" (default those whose start-up files are there)',
);
const LIST = ALIASES.map(([name, line]) => `  ${name.padEnd(5)} ${line}`).join('\n');

export const install = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { shell },
  description: `Writes a marked block into ~/.bashrc and ~/.zshrc; "wharf alias uninstall" takes it out again:\n${LIST}`,
  async run({ options }, context) {
    const files = startUpFiles(options.shell, context);
    for (const file of files) {
      const before = readText(file) ?? '';
      const without = before.replace(BLOCK, '');
      const taken = ALIASES.map(([name]) => name).filter((name) =>
        new RegExp(`^\\s*alias ${name}=`, 'm').test(without),
      );
      const own = ALIASES.filter(([name]) => !taken.includes(name)).map(([name, line]) => `alias ${name}='${line}'`);
      const gap = without === '' || without.endsWith('\n') ? '' : '\n';
      const after = `${without}${gap}\n${[BEGIN, '# Taken out by: wharf alias uninstall', ...own, END].join('\n')}\n`;
      if (after === before) {
        await context.print(`${file}: nothing to change\n`);
        continue;
      }
      replaceText(file, after);
      await context.print(`${file}: ${own.length} aliases written\n`);
      if (taken.length > 0) context.warn(`${file}: left alone, as the file has its own: ${taken.join(', ')}`);
    }
    await context.print(`In this shell: ${files.map((f) => `source ${f}`).join(' or ')}\n`);
    return 0;
  },
});

export const uninstall = command({
  usage: '[OPTIONS]',
  arity: arity.none,
  options: { shell },
  async run({ options }, context) {
    for (const file of startUpFiles(options.shell, context)) {
      const before = readText(file) ?? '';
      const after = before.replace(BLOCK, '');
      if (after !== before) replaceText(file, after);
      await context.print(after === before ? `${file}: no aliases of wharf in it\n` : `${file}: aliases taken out\n`);
    }
    return 0;
  },
});

function startUpFiles(asked: readonly string[], { env }: CommandContext): string[] {
  const home = env['HOME'] || homedir();
  const files: Readonly<Record<string, string>> = {
    bash: join(home, '.bashrc'),
    zsh: join(env['ZDOTDIR'] || home, '.zshrc'),
  };
  const unknown = asked.find((name) => !(name in files));
  if (unknown !== undefined) throw new ExitError(`unknown shell "${unknown}": aliases are written for bash and zsh`, 1);
  if (asked.length > 0) return asked.map((name) => files[name] ?? '');
  const there = Object.values(files).filter((file) => readText(file) !== undefined);
  if (there.length > 0) return there;
  const own = files[basename(env['SHELL'] ?? 'bash')];
  return [own ?? files['bash'] ?? ''];
}
