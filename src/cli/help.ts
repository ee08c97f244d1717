import { CATALOG, GROUPS, type Entry } from './catalog.ts';
import type { Arity, Command } from './command.ts';
import { EXAMPLES } from './examples.ts';
import type { Flag, Flags } from './flags.ts';

const WIDTH = 79;

/** The usage lines of a command: `wharf run [OPTIONS] IMAGE`. */
export function usageOf(path: string, command: Command): string {
  const usages = typeof command.usage === 'string' ? [command.usage] : command.usage;
  return `Usage:  ${usages.map((u) => `${path}${u === '' ? '' : ` ${u}`}`).join('\n\t')}`;
}

/** `wharf COMMAND --help`. */
export function commandHelp(path: string, entry: Entry, command: Command): string {
  const parts = [usageOf(path, command), entry.summary];
  if (command.description !== undefined) parts.push(command.description);
  if (entry.paths.length > 1) parts.push(`Aliases:\n  ${entry.paths.map((p) => `wharf ${p}`).join(', ')}`);
  const options = flagUsages(command.options);
  if (options !== '') parts.push(`Options:\n${options}`);
  const examples = command.examples ?? EXAMPLES[entry.paths[0] ?? ''];
  if (examples !== undefined) {
    parts.push(`Examples:\n${examples.map(([what, line]) => `  ${what}:\n    ${line}`).join('\n')}`);
  }
  return `${parts.join('\n\n')}\n`;
}

/** `wharf GROUP --help`. */
export function groupHelp(group: string): string {
  const entries = CATALOG.filter((e) => e.section !== 'hidden').flatMap((e) => {
    const path = e.paths.find((p) => p.startsWith(`${group} `));
    return path === undefined ? [] : [{ name: path.slice(group.length + 1), summary: e.summary }];
  });
  return [
    `Usage:  wharf ${group} COMMAND`,
    `${GROUPS[group] ?? ''}`,
    `Commands:\n${columns(byName(entries))}`,
    `Run 'wharf ${group} COMMAND --help' for more information on a command.\n`,
  ].join('\n\n');
}

/** `wharf --help`, and `wharf` alone. */
export function mainHelp(globals: Flags): string {
  const short = (e: Entry) => e.paths.find((p) => !p.includes(' '));
  const entries = CATALOG.flatMap((e) => {
    const name = short(e);
    return name === undefined ? [] : [{ name, summary: e.summary, section: e.section }];
  });
  const groups = Object.entries(GROUPS).map(([name, summary]) => ({ name, summary }));
  return [
    'Usage:  wharf [OPTIONS] COMMAND',
    'Build, ship and run containers, and compose them into applications',
    `Common Commands:\n${columns(entries.filter((e) => e.section === 'common'))}`,
    `Management Commands:\n${columns(groups)}`,
    `Commands:\n${columns(byName(entries.filter((e) => e.section === undefined)))}`,
    `Global Options:\n${flagUsages(globals)}`,
    "Run 'wharf COMMAND --help' for more information on a command.\n",
  ].join('\n\n');
}

/** What is wrong with the number of arguments, in docker's words; `undefined` if nothing is. */
export function arityError(path: string, { min, max }: Arity, count: number): string | undefined {
  if (count >= min && count <= max) return undefined;
  const s = (n: number) => `${n} argument${n === 1 ? '' : 's'}`;
  if (max === 0) return `'${path}' accepts no arguments`;
  if (min === max) return `'${path}' requires ${s(min)}`;
  if (max === Infinity) return `'${path}' requires at least ${s(min)}`;
  if (min === 0) return `'${path}' requires at most ${s(max)}`;
  return `'${path}' requires at least ${min} and at most ${s(max)}`;
}

function byName<T extends { readonly name: string }>(rows: readonly T[]): T[] {
  return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function columns(rows: readonly { readonly name: string; readonly summary: string }[]): string {
  const width = Math.max(11, ...rows.map((r) => r.name.length + 1));
  return rows.map((r) => `  ${r.name.padEnd(width)} ${r.summary}`).join('\n');
}

/** The options, laid out and wrapped as pflag does. */
function flagUsages(flags: Flags): string {
  const shown = Object.values(flags)
    .filter((f: Flag<unknown>) => !f.hidden)
    .toSorted((a: Flag<unknown>, b: Flag<unknown>) => ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
    .map((f: Flag<unknown>) => {
      const short = f.short === undefined ? '      ' : `  -${f.short}, `;
      const name = `${short}--${f.names[0] ?? ''}${f.type === '' ? '' : ` ${f.type}`}`;
      return { name, usage: f.shownDefault === undefined ? f.usage : `${f.usage} (default ${f.shownDefault})` };
    });
  const width = Math.max(0, ...shown.map((f) => f.name.length)) + 3;
  return shown.map((f) => f.name.padEnd(width) + wrapped(f.usage, width)).join('\n');
}

/** Wraps at blanks; the last line may stick out a little rather than leave one word alone. */
function wrapped(text: string, indent: number): string {
  const slop = 5;
  const room = Math.max(24, WIDTH - indent) - slop;
  const lines: string[] = [];
  let rest = text;
  while (rest !== '') {
    const head = rest.slice(0, room);
    const blank = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\n'));
    if (room + slop > rest.length || blank <= 0) {
      lines.push(...rest.split('\n'));
      break;
    }
    const newline = head.lastIndexOf('\n');
    const cut = newline > 0 ? newline : blank;
    lines.push(...rest.slice(0, cut).split('\n'));
    rest = rest.slice(cut + 1);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
