import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { CommandContext } from '../command.ts';
import type { Completion } from './completion.ts';
import { candidatesOf, type Candidate } from './names.ts';
import { VALUES } from './targets.ts';

/** Commands of `compose` that name no service. */
const WITHOUT_SERVICES = new Set(['down', 'ls', 'version', 'config']);

/**
 * Completion below `wharf compose`. Compose has a grammar of its own; what it says in its help is read, so that the two
 * cannot differ.
 */
export async function completeCompose(
  typed: readonly string[],
  current: string,
  context: CommandContext,
): Promise<Completion> {
  const main = helpOf(await said(['--help'], context));
  const { args, options, awaiting, command } = walk(typed, main.flags);
  if (command === undefined) {
    if (awaiting !== undefined) return valueOf(awaiting, current, context);
    return among(current.startsWith('-') ? flagsOf(main) : main.commands, current);
  }
  const help = helpOf(await said([command, '--help'], context));
  const inner = walk(args, help.flags, true);
  if (inner.awaiting !== undefined) return valueOf(inner.awaiting, current, context);
  if (current.startsWith('-')) return among(flagsOf(help), current);
  const first = inner.rest.length === 0;
  if (WITHOUT_SERVICES.has(command) || (!first && ['exec', 'run', 'port'].includes(command))) return among([], current);
  const services = (await said([...options, 'config', '--services'], context)).split('\n').filter(Boolean);
  const already = new Set(inner.rest);
  return among(
    services.filter((s) => !already.has(s)).map((word) => ({ word, about: 'service' })),
    current,
  );
}

interface Known {
  readonly name: string;
  readonly short: string | undefined;
  readonly takesValue: boolean;
  readonly about: string;
}

interface Help {
  readonly flags: readonly Known[];
  readonly commands: readonly Candidate[];
}

function helpOf(help: string): Help {
  const flags: Known[] = [];
  const commands: Candidate[] = [];
  for (const line of help.split('\n')) {
    const flag = /^ {2}(?:-(\w), | {4})--([\w-]+)(?: (\w+))? {2,}(.*)$/.exec(line);
    if (flag !== null) {
      flags.push({ short: flag[1], name: flag[2] ?? '', takesValue: flag[3] !== undefined, about: flag[4] ?? '' });
      continue;
    }
    const command = /^ {2}([a-z][\w-]*) {2,}(\S.*)$/.exec(line);
    if (command !== null) commands.push({ word: command[1] ?? '', about: command[2] ?? '' });
  }
  return { flags, commands };
}

/** Tells options from arguments; stops at the first argument unless `all`. */
function walk(words: readonly string[], flags: readonly Known[], all = false) {
  const options: string[] = [];
  const rest: string[] = [];
  let awaiting: Known | undefined;
  for (const [i, word] of words.entries()) {
    if (awaiting !== undefined) {
      awaiting = undefined;
      options.push(word);
    } else if (word.startsWith('-') && word !== '-') {
      options.push(word);
      const known = flags.find(
        (f) => `--${f.name}` === word || (f.short !== undefined && word.endsWith(f.short) && /^-\w+$/.test(word)),
      );
      if (known?.takesValue === true) awaiting = known;
    } else if (all) {
      rest.push(word);
    } else {
      return { options, command: word, args: words.slice(i + 1), rest, awaiting };
    }
  }
  return { options, command: undefined, args: [], rest, awaiting };
}

function flagsOf(help: Help): Candidate[] {
  return help.flags.map((f) => ({ word: `--${f.name}`, about: f.about }));
}

async function valueOf(flag: Known, current: string, context: CommandContext): Promise<Completion> {
  const target = VALUES[flag.name] ?? 'nothing';
  if (target === 'file') return { kind: 'files', candidates: [] };
  if (target === 'folder') return { kind: 'folders', candidates: [] };
  return among(await candidatesOf(target, context), current);
}

function among(candidates: readonly Candidate[], current: string): Completion {
  return { kind: 'words', candidates: candidates.filter((c) => c.word.startsWith(current)) };
}

/** What compose prints on stdout; nothing if it fails. */
async function said(args: readonly string[], context: CommandContext): Promise<string> {
  const { composeCommand } = await import('../../compose/index.ts');
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  stderr.resume();
  const all = text(stdout);
  const { stdin, env, cwd, signal } = context;
  const code = await composeCommand(args, { stdin, stdout, stderr, env, cwd, signal, connect: () => context.client });
  stdout.end();
  return code === 0 ? all : '';
}
