import { CATALOG, findCommand, GROUPS } from '../catalog.ts';
import type { CommandContext } from '../command.ts';
import type { Flag, Flags } from '../flags.ts';
import type { Completion } from './completion.ts';
import { completeCompose } from './compose.ts';
import { candidatesOf, type Candidate } from './names.ts';
import { ARGUMENTS, FILTERS, VALUES, type Target } from './targets.ts';

const NOTHING: Completion = { kind: 'words', candidates: [] };

/**
 * What may stand in the place of the last of `words` (the words after `wharf`; the last may be empty). Asks the engine for
 * names; an engine that does not answer has none.
 */
export async function complete(words: readonly string[], globals: Flags, context: CommandContext): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const line = read(globals, before, false);
  if (line.awaiting !== undefined) return byValue(line.awaiting, current, context);
  const typed = line.args;
  if (typed[0] === 'compose') return completeCompose(typed.slice(1), current, context);
  if (typed[0] === 'help') return fitting(commandsBelow(typed.slice(1)), current);
  const found = findCommand(typed);
  if (found === undefined) {
    if (current.startsWith('-')) return typed.length === 0 ? byFlag(globals, current, context) : NOTHING;
    return fitting(commandsBelow(typed), current);
  }
  const command = await found.entry.load();
  const options = command.options as Flags;
  const { paths } = found.entry;
  const inner = read(options, typed.slice(found.length), command.interspersed ?? true);
  if (inner.awaiting !== undefined) return byValue(inner.awaiting, current, context, paths);
  if (current.startsWith('-') && !inner.closed) return byFlag(options, current, context, paths);
  const places = paths.map((p) => ARGUMENTS[p]).find((p) => p !== undefined) ?? [];
  const target = places[Math.min(inner.args.length, places.length - 1)];
  if (target === undefined) return NOTHING;
  return byTarget(target, current, context, new Set(inner.args));
}

interface Line {
  readonly args: readonly string[];
  /** The option whose value comes next. */
  readonly awaiting: Flag<unknown> | undefined;
  /** No option can follow. */
  readonly closed: boolean;
}

/** Reads what is there without judging it: options that nobody knows are taken for switches. */
function read(flags: Flags, words: readonly string[], interspersed: boolean): Line {
  const known = Object.values(flags);
  const args: string[] = [];
  let awaiting: Flag<unknown> | undefined;
  for (const [i, word] of words.entries()) {
    if (awaiting !== undefined) {
      awaiting = undefined;
    } else if (word === '--') {
      return { args: [...args, ...words.slice(i + 1)], awaiting: undefined, closed: true };
    } else if (word.startsWith('--')) {
      const flag = word.includes('=') ? undefined : known.find((f) => f.names.includes(word.slice(2)));
      if (flag !== undefined && flag.bare === undefined) awaiting = flag;
    } else if (word.startsWith('-') && word !== '-') {
      const at = Array.from(word.slice(1)).findIndex((l) => known.find((f) => f.short === l)?.bare === undefined);
      const flag = known.find((f) => f.short === word[at + 1]);
      if (at === word.length - 2 && flag !== undefined) awaiting = flag;
    } else if (!interspersed) {
      return { args: [...args, ...words.slice(i)], awaiting: undefined, closed: true };
    } else {
      args.push(word);
    }
  }
  return { args, awaiting, closed: false };
}

function commandsBelow(typed: readonly string[]): Candidate[] {
  if (typed.length > 1) return [];
  const [group] = typed;
  const shown = CATALOG.filter((e) => e.section !== 'hidden');
  if (group !== undefined) {
    return shown.flatMap((e) => {
      const path = e.paths.find((p) => p.startsWith(`${group} `));
      return path === undefined ? [] : [{ word: path.slice(group.length + 1), about: e.summary }];
    });
  }
  const top = shown.flatMap((e) => e.paths.filter((p) => !p.includes(' ')).map((word) => ({ word, about: e.summary })));
  return [...top, ...Object.entries(GROUPS).map(([word, about]) => ({ word, about }))];
}

async function byFlag(
  flags: Flags,
  current: string,
  context: CommandContext,
  paths: readonly string[] = [],
): Promise<Completion> {
  const equals = current.indexOf('=');
  const shown = Object.values(flags).filter((f) => !f.hidden) as Flag<unknown>[];
  if (equals > 0) {
    const flag = shown.find((f) => f.names.includes(current.slice(2, equals)));
    if (flag === undefined) return NOTHING;
    const found = await byValue(flag, current.slice(equals + 1), context, paths);
    const prefix = current.slice(0, equals + 1);
    return { ...found, candidates: found.candidates.map((c) => ({ ...c, word: prefix + c.word })) };
  }
  const all = shown.map((f) => ({ word: `--${f.names[0] ?? ''}`, about: f.usage }));
  return fitting([...all, { word: '--help', about: 'Print usage' }], current);
}

function byValue(
  flag: Flag<unknown>,
  current: string,
  context: CommandContext,
  paths: readonly string[] = [],
): Promise<Completion> {
  const name = flag.names[0] ?? '';
  const filters = name === 'filter' ? paths.map((p) => FILTERS[p]).find((f) => f !== undefined) : undefined;
  return byTarget(filters ?? VALUES[name] ?? 'nothing', current, context, new Set());
}

async function byTarget(
  target: Target,
  current: string,
  context: CommandContext,
  already: ReadonlySet<string>,
): Promise<Completion> {
  if (target === 'file' || target === 'folder')
    return { kind: target === 'file' ? 'files' : 'folders', candidates: [] };
  if (target === 'copy' && /^[./~]/.test(current)) return { kind: 'files', candidates: [] };
  const all = await candidatesOf(target, context);
  // Every image called x:latest is called x: the long form is for who has typed the colon.
  const found = all.filter((c) => !already.has(c.word) && (current.includes(':') || !c.word.endsWith(':latest')));
  return fitting(found, current);
}

function fitting(candidates: readonly Candidate[], current: string): Completion {
  const here = candidates.filter((c) => c.word.startsWith(current));
  const unique = new Map(here.map((c) => [c.word, c]));
  return { kind: 'words', candidates: [...unique.values()].toSorted((a, b) => (a.word < b.word ? -1 : 1)) };
}
